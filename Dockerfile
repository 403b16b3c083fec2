# The three programs, one target each: `docker build --target server -t server:latest .` (or `make docker-image`).
ARG NODE_IMAGE=node:24-bookworm-slim

# Bundles every program: no later stage needs node_modules.
FROM ${NODE_IMAGE} AS build
WORKDIR /build
COPY package.json package-lock.json ./
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY tsconfig.json LICENSE ./
COPY tools/*.js tools/
COPY lib lib
COPY apps apps
RUN node tools/build.js && node tools/sbom.js

# The common base. The ini files are mounted in /app/config, the place of a program's default settings file.
FROM ${NODE_IMAGE} AS app
# No program uses npm, the package manager of the system, or Perl. The list of installed packages stays, for scanners. No
# program has a setuid bit.
RUN rm -rf /usr/local/lib/node_modules /usr/local/include /opt/yarn-* \
      /usr/local/bin/npm /usr/local/bin/npx /usr/local/bin/corepack /usr/local/bin/yarn /usr/local/bin/yarnpkg \
      /usr/local/bin/docker-entrypoint.sh /usr/bin/apt* /usr/bin/dpkg* /usr/bin/perl* /sbin/apk \
    && find / -xdev -type f -perm /6000 -exec chmod a-s {} +
ENV NODE_ENV=production
WORKDIR /app
LABEL org.opencontainers.image.version="0.2.0" org.opencontainers.image.licenses="MIT"
# The licences of the bundled packages.
COPY --from=build /build/dist/NOTICE /build/LICENSE ./

# Each program is started without a shell: as the container's first process it receives SIGTERM.
FROM app AS server
# A new named volume takes over the owner and the mode of this directory. The server must be able to write in it, and
# other users must not read the bets.
RUN install -d -m 0700 -o 1000 -g 1000 data
LABEL org.opencontainers.image.title="lottery-server" \
      org.opencontainers.image.description="The central server of the national lottery: stores bets, holds the draw."
COPY --from=build /build/dist/sbom/server.cdx.json sbom.cdx.json
COPY --from=build /build/dist/apps/server/main.js server.js
COPY --from=build /build/dist/apps/server/main.bundle.js server.bundle.js
COPY --from=build /build/dist/apps/server/main.cache server.cache
COPY --from=build /build/dist/apps/server/healthcheck.js healthcheck.js
COPY --from=build /build/dist/apps/server/new_draw.js new_draw.js
COPY --from=build /build/dist/apps/server/export_store.js export_store.js
COPY --from=build /build/dist/apps/server/backup_store.js backup_store.js
COPY --from=build /build/dist/apps/server/import_store.js import_store.js
COPY --from=build /build/dist/apps/server/verify.js verify.js
COPY --from=build /build/dist/apps/server/erase_draw.js erase_draw.js
COPY --from=build /build/dist/apps/server/status/status_server.js status/status_server.js
COPY --from=build /build/dist/apps/server/status/page status/page
COPY --from=build /build/dist/apps/server/drivers drivers
COPY --from=build /build/dist/apps/server/migrate.js migrate.js
COPY --from=build /build/dist/apps/server/migrations migrations
# Ready: the store is open, and agencies are accepted. The first check follows after one interval; clients wait for it.
HEALTHCHECK --interval=3s --timeout=3s --start-period=30s --retries=3 CMD ["node", "healthcheck.js"]
USER 1000:1000
ENTRYPOINT ["node", "server.js"]

FROM app AS client
LABEL org.opencontainers.image.title="lottery-client" \
      org.opencontainers.image.description="An agency of the national lottery: uploads its bets, gets its winners."
COPY --from=build /build/dist/sbom/client.cdx.json sbom.cdx.json
COPY --from=build /build/dist/apps/client/main.js client.js
COPY --from=build /build/dist/apps/client/main.bundle.js client.bundle.js
COPY --from=build /build/dist/apps/client/main.cache client.cache
COPY --from=build /build/dist/apps/client/progress/progress_bar.js progress/progress_bar.js
USER 1000:1000
ENTRYPOINT ["node", "client.js"]

FROM app AS echo
LABEL org.opencontainers.image.title="lottery-echo" \
      org.opencontainers.image.description="The echo service of the national lottery's exercise."
COPY --from=build /build/dist/sbom/echo.cdx.json sbom.cdx.json
COPY --from=build /build/dist/apps/echo/server.js server.js
USER 1000:1000
ENTRYPOINT ["node", "server.js"]
