import createClient from "openapi-fetch";
import type { components, paths } from "./schema";

/** The mount, without a slash at its end: the server writes it into <base href>. */
export const mount = new URL(document.baseURI).pathname.replace(/\/$/, "");
export const api = createClient<paths>({
  baseUrl: location.origin + mount,
  querySerializer: { array: { style: "form", explode: true } },
});
export type RunItem = components["schemas"]["RunItem"];
export type Status = components["schemas"]["RunStatus"];

/** Give what was answered, or throw the sentence of the problem. */
export function said<T>(answer: { data?: T; error?: { title: string; detail?: string } }): T {
  if (answer.error !== undefined) throw new Error(answer.error.detail ?? answer.error.title);
  return answer.data as T;
}
