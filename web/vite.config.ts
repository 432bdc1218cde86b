import { defineConfig } from "vite";

const server = "http://127.0.0.1:8000";

// The page is served by the application at /map/; `npm run dev` borrows the data of a server that already runs.
export default defineConfig({
  base: "/map/",
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  build: {
    outDir: "../api/static/app",
    emptyOutDir: true,
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 1600,
    license: { fileName: "licenses.md" },
  },
  server: { proxy: { "/v1": server, "/tiles": server } },
});
