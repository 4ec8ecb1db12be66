import { KubeApiError } from "./error.ts";
import type { Page, PageOptions, Selection } from "./requests.ts";

export interface ListOptions extends Selection {
  signal?: AbortSignal | undefined;
  /** Objects on a page. Default: 500. */
  pageSize?: number;
}

/** Who gets the items of a list. */
export interface TakeItems<T> {
  /** Called with every item once its page is there. */
  item: (item: T) => void;
  /** The list begins again: what was taken does not count. */
  restart: () => void;
}

const PAGE_SIZE = 500;

/** How often a list is begun again because its pages expired, before it is asked for in one piece. */
const RESTARTS = 2;

/**
 * Reads a whole list, page by page, all of one version: begun again when its pages expire under way.
 *
 * @returns the list's version. @throws what `read` throws
 */
export async function readPages<T>(
  read: (options: PageOptions) => Promise<Page<T>>,
  { pageSize = PAGE_SIZE, ...selection }: ListOptions,
  take: TakeItems<T>,
): Promise<string> {
  let restarts = 0;
  let next: string | undefined;
  for (;;) {
    const limit = restarts > RESTARTS ? undefined : pageSize;
    try {
      const page = await read({ ...selection, limit, continue: next });
      for (const item of page.items) take.item(item);
      if (page.continue === undefined) return page.resourceVersion;
      next = page.continue;
    } catch (error) {
      if (next === undefined || !(error instanceof KubeApiError) || error.code !== "Expired") throw error;
      next = undefined;
      restarts++;
      take.restart();
    }
  }
}
