# The operator, its CLI and the node engine in one image; neither needs a shell. docker build -t REGISTRY/tenant-mtls:TAG .
# `make images` without a container engine assembles the same image from the same bundles.
FROM node:24-bookworm-slim AS build
WORKDIR /src
COPY package.json package-lock.json .npmrc ./
RUN npm ci --loglevel=error
COPY tsconfig.json ./
COPY src src
COPY hack/images hack/images
RUN node hack/images/bundle.ts

FROM node:24-bookworm-slim
RUN rm -rf /usr/local/lib/node_modules /opt/yarn* /usr/local/bin/npm /usr/local/bin/npx /usr/local/bin/yarn*
WORKDIR /app
COPY --from=build /src/dist /app
# For the command `install`.
COPY crds /app/crds
COPY deploy/kustomization.yaml /app/deploy/
COPY deploy/base /app/deploy/base
COPY LICENSE /app/LICENSE
# Bursts of short-lived objects and of native buffers otherwise leave 100 MB behind that are never used again.
ENV NODE_ENV=production NODE_OPTIONS=--max-semi-space-size=2 MALLOC_ARENA_MAX=2
USER 65532:65532
ENTRYPOINT ["/usr/local/bin/node", "/app/tenant-mtls.js"]
