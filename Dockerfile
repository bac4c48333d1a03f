# realtime-chat:  docker build -t realtime-chat-backend .
#                 docker run -p 3001:3001 --env-file .env realtime-chat-backend
# The base has glibc: on Alpine the npm package "node", on which the server runs, does not start.

FROM node:24-bookworm-slim AS modules
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=dev --no-audit --no-fund

FROM modules AS page
RUN npm ci --no-audit --no-fund
COPY scripts scripts
COPY config config
COPY src src
COPY web web
RUN npm run build

FROM node:24-bookworm-slim
WORKDIR /app
ENV NODE_ENV=production
COPY --from=modules /app/node_modules node_modules
COPY package.json package-lock.json ./
COPY scripts scripts
COPY config config
COPY src src
COPY deploy/docker/start.sh deploy/docker/
COPY --from=page /app/dist dist
# What the server writes: DATA_DIR, UPLOAD_DIR, LOG_DIR. Mount volumes there to keep it.
RUN install -d -o node -g node data uploads logs
USER node
EXPOSE 3001
# While a worker answers; /api/ready would call a node unhealthy whose Redis is away and whose sockets live.
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s --retries=3 \
  CMD ["node", "-e", "fetch('http://127.0.0.1:' + (process.env.PORT || 3001) + '/api/health').then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
# Not npm start: nothing has to be set up here, and this way the primary itself gets Docker's SIGTERM and drains.
CMD ["sh", "deploy/docker/start.sh"]
