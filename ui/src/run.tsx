import { useQuery } from "@tanstack/react-query";
import { api, said } from "./api/client";
import { duration, Mark } from "./parts";

/** One run: why it is where it is, its error, and its steps. */
export function RunPage({ id }: { id: string }) {
  const path = { run_id: id };
  const run = useQuery({ queryKey: ["run", id], refetchInterval: 1000, queryFn: async () => said(await api.GET("/api/v1/runs/{run_id}", { params: { path } })) });
  const steps = useQuery({ queryKey: ["steps", id, run.data?.events], queryFn: async () => said(await api.GET("/api/v1/runs/{run_id}/steps", { params: { path, query: { limit: 200 } } })), placeholderData: (before) => before });
  if (run.error) return <p role="alert">{run.error.message}</p>;
  if (!run.data) return <p>Loading…</p>;
  const error = run.data.error;
  return (
    <>
      <h1>{id}</h1>
      <p><Mark status={run.data.status} /> {run.data.workflow} {duration(run.data.duration_us)}</p>
      <p>{run.data.reason.sentence}</p>
      {error && <section aria-label="Error"><h2>{error.type}: {error.unreadable ?? error.message}</h2>
        <ol>{(error.frames ?? []).map((one, at) => <li key={at}><code>{one.file}:{one.line} {one.function}: {one.text}</code></li>)}</ol></section>}
      <h2>Steps</h2>
      <table>
        <thead><tr><th scope="col">State</th><th scope="col">Step</th><th scope="col">Attempt</th><th scope="col">Asked for at</th></tr></thead>
        <tbody>{(steps.data?.items ?? []).map((one) => <tr key={one.id}><td><Mark status={one.status} /></td><td>{one.name}</td><td>{one.attempt} of {one.attempts_max ?? "?"}</td><td><code>{one.at}</code></td></tr>)}</tbody>
      </table>
      {steps.data?.next && <p>The first 200 steps are shown.</p>}
    </>
  );
}
