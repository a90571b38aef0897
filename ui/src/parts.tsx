const GLYPHS: Record<string, string> = {
  pending: "○", running: "◐", suspended: "‖", completed: "✓", failed: "✕", cancelled: "–",
};

/** A state: always glyph and word; colour only helps. */
export function Mark({ status }: { status: string }) {
  return <span className={`mark ${status}`}><span aria-hidden="true">{GLYPHS[status] ?? "·"}</span><span className="word">{status}</span></span>;
}

export function duration(us: number | null | undefined): string {
  if (us === null || us === undefined) return "";
  const s = us / 1e6;
  if (s < 1) return `${Math.round(s * 1000)} ms`;
  if (s < 60) return `${s.toFixed(1)} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min ${Math.round(s % 60)} s`;
  return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
}
