/**
 * A two-way, ordered, typed message pipe between control and one relay. Two implementations, in memory and over a
 * unix socket; nothing that holds a Channel knows which one it has.
 */
export interface Channel<Out, In> {
  /** Queues a message. After the channel has closed it does nothing. */
  send(message: Out): void;
  /** Set once, before the first message arrives. Messages come in the order of their sending. */
  onMessage(handler: (message: In) => void): void;
  /** Called once, when either side has closed or died. */
  onClose(handler: () => void): void;
  close(): void;
}
