import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

// Relative addresses: the server writes <base href> for the mount that it is under.
export default defineConfig({
  base: "./",
  plugins: [react()],
  build: { outDir: "../wfc/web/static", emptyOutDir: true, sourcemap: false, assetsInlineLimit: 0 },
});
