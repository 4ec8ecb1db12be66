import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Result } from "../result.ts";
import { plot } from "./plot.ts";

/** Writes a file for each figure that has curves, and leaves other files alone. @returns their paths */
export function writePlots(result: Result, folder: string): string[] {
  return result.figures.flatMap((figure) => {
    const drawn = plot(figure, result);
    if (drawn === undefined) return [];
    mkdirSync(folder, { recursive: true });
    const file = join(folder, `${figure.name.replace(/^shapes-/, "")}.svg`);
    writeFileSync(file, drawn);
    return [file];
  });
}
