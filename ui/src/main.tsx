import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { createRoot } from "react-dom/client";
import { Link, Route, Router, Switch } from "wouter";
import { mount } from "./api/client";
import { RunPage } from "./run";
import { RunsPage } from "./runs";
import "./style.css";

const queries = new QueryClient({ defaultOptions: { queries: { retry: 1 } } });

createRoot(document.getElementById("root") as HTMLElement).render(
  <QueryClientProvider client={queries}>
    <Router base={mount}>
      <header><nav aria-label="Pages"><Link href="/runs">Runs</Link></nav></header>
      <main>
        <Switch>
          <Route path="/runs/:id">{({ id }) => <RunPage id={decodeURIComponent(id)} />}</Route>
          <Route><RunsPage /></Route>
        </Switch>
      </main>
    </Router>
  </QueryClientProvider>,
);
