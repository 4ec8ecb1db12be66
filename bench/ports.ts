/** Addresses of the loopback interface. */

export const LOOPBACK = "127.0.0.1";

export interface Address {
  readonly host: string;
  readonly port: number;
}

/** @returns whether somebody accepts connections there. */
export async function accepts({ host, port }: Address): Promise<boolean> {
  try {
    const socket = await Bun.connect({ hostname: host, port, socket: { data: () => undefined } });
    socket.end();
    return true;
  } catch {
    return false;
  }
}

/** @returns `HOST:PORT`. */
export function formatAddress({ host, port }: Address): string {
  return `${host}:${port}`;
}
