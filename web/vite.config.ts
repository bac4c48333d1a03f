import { fileURLToPath } from 'node:url';
import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

export default defineConfig({
  root: fileURLToPath(new URL('.', import.meta.url)),
  plugins: [react()],
  build: {
    outDir: '../dist/web',
    emptyOutDir: true,
    target: 'es2023',
    // The server's CSP knows only 'self': no data: addresses, no inlined script.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
});
