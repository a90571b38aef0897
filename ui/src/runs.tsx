import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { Link, useSearchParams } from "wouter";
import { api, said, type Status } from "./api/client";
import { duration, Mark } from "./parts";

const STATES: Status[] = ["pending", "running", "suspended", "completed", "failed", "cancelled"];

/** The list of runs; filters and page stand in the address, under the API's own names. */
export function RunsPage() {
  const [search, setSearch] = useSearchParams();
  const status = search.getAll("status") as Status[];
  const q = search.get("q") ?? undefined;
  const cursor = search.get("cursor") ?? undefined;
  const found = useQuery({
    queryKey: ["runs", status, q, cursor],
    queryFn: async () => said(await api.GET("/api/v1/runs", { params: { query: { status, q, cursor } } })),
    refetchInterval: 2000,
    placeholderData: keepPreviousData,
  });
  function change(name: string, value: string) {
    const next = new URLSearchParams(search);
    next.delete("cursor");
    if (value) next.set(name, value); else next.delete(name);
    setSearch(next);
  }
  const items = found.data?.items ?? [];
  const next = found.data?.next;
  return (
    <>
      <h1>Runs</h1>
      <form className="filters" onSubmit={(event) => event.preventDefault()}>
        <label>State <select value={status[0] ?? ""} onChange={(event) => change("status", event.target.value)}>
          <option value="">all</option>{STATES.map((one) => <option key={one}>{one}</option>)}
        </select></label>
        <label>Search <input type="search" value={q ?? ""} onChange={(event) => change("q", event.target.value)} /></label>
      </form>
      {found.error && <p role="alert">{found.error.message}</p>}
      <table className="runs">
        <thead><tr><th scope="col">State</th><th scope="col">Run</th><th scope="col">Workflow</th><th scope="col">Created</th><th scope="col">Duration</th></tr></thead>
        <tbody>{items.map((run) => (
          <tr key={run.id}>
            <td><Mark status={run.status} /></td>
            <td><Link href={`/runs/${encodeURIComponent(run.id)}`}>{run.id}</Link></td>
            <td>{run.workflow}</td><td>{new Date(run.created_at).toLocaleString()}</td><td>{duration(run.duration_us)}</td>
          </tr>
        ))}</tbody>
      </table>
      {found.data && items.length === 0 && <p>No run is like this.</p>}
      {next && <button type="button" onClick={() => { const to = new URLSearchParams(search); to.set("cursor", next); setSearch(to); }}>Older</button>}
    </>
  );
}
