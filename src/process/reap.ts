import { dlopen, FFIType, ptr } from "bun:ffi";

const P_ALL = 0;
const WNOHANG = 1;
const WEXITED = 4;
const WNOWAIT = 0x01000000;
const SI_PID = 16;

/** The C library by the names that glibc and musl give it. */
const LIBRARIES = ["libc.so.6", "libc.so", `libc.musl-${process.arch === "arm64" ? "aarch64" : "x86_64"}.so.1`];

const SYMBOLS = {
  waitid: { args: [FFIType.i32, FFIType.u32, FFIType.ptr, FFIType.i32], returns: FFIType.i32 },
  waitpid: { args: [FFIType.i32, FFIType.ptr, FFIType.i32], returns: FFIType.i32 },
} as const;

/**
 * Collects processes that ended and were left to this one, as PID 1 must: what people start in the container with
 * `exec` and abandon would otherwise stay as zombies. Bun waits for its own children only.
 *
 * @param isOwn - whether Bun waits for that process itself; such are left alone.
 * @returns a function that collects what there is, without waiting; undefined where the C library is not found.
 */
export function orphanReaper(isOwn: (pid: number) => boolean): (() => void) | undefined {
  for (const library of LIBRARIES) {
    try {
      const { symbols } = dlopen(library, SYMBOLS);
      const info = new Uint8Array(128);
      const view = new DataView(info.buffer);
      return () => {
        for (;;) {
          info.fill(0);
          if (symbols.waitid(P_ALL, 0, ptr(info), WEXITED | WNOHANG | WNOWAIT) !== 0) return;
          const pid = view.getInt32(SI_PID, true);
          if (pid === 0 || isOwn(pid)) return;
          symbols.waitpid(pid, null, WNOHANG);
        }
      };
    } catch {
      // Another C library has another name.
    }
  }
  return undefined;
}
