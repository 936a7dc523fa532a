# panel-watchdog in a container. Steps that any Python base can take: no package manager is asked.
#   docker build -t panel-watchdog .
#   docker build -t panel-watchdog --build-arg BASE=my/python --network none .     # without any index: put wheels into wheels/ before
# What each feature needs to be mounted and allowed: docs/install.md; a whole stack: deploy/compose.yaml.
ARG BASE=python:3.13-slim

FROM ${BASE} AS build
COPY . /src
# one step: each layer of a build on vfs storage is a whole copy
RUN set -e; \
    python3 -m venv /opt/panel-watchdog; \
    index=; if [ -d /src/wheels ]; then index="--no-index --find-links=/src/wheels"; fi; \
    /opt/panel-watchdog/bin/python -m pip install --no-cache-dir --quiet $index --constraint /src/deploy/constraints.txt "/src[postgresql]"; \
    /opt/panel-watchdog/bin/python -m pip uninstall --quiet --yes pip; \
    mkdir -p /out/opt /out/etc/panel-watchdog /out/var/lib/panel-watchdog; \
    mv /opt/panel-watchdog /out/opt/; \
    chown -R 9877:0 /out/var/lib/panel-watchdog; \
    chmod 0770 /out/var/lib/panel-watchdog

FROM ${BASE}
LABEL org.opencontainers.image.title="panel-watchdog" \
      org.opencontainers.image.description="Prometheus exporter and reconciling watchdog for self-hosted panels" \
      org.opencontainers.image.licenses="Apache-2.0"
ENV PATH=/opt/panel-watchdog/bin:/usr/local/bin:/usr/bin:/bin PYTHONUNBUFFERED=1
EXPOSE 9877
# asks the program over its own socket: healthy = its loops, its schedule and its web server live; never a panel's state
HEALTHCHECK --interval=30s --timeout=10s --start-period=60s --retries=3 CMD ["panel-watchdog", "health"]
ENTRYPOINT ["panel-watchdog"]
CMD ["run"]
COPY --from=build /out/ /
# nobody's rights; WireGuard and backup directories of mode 0700 want uid 0 with two capabilities and no more: see docs/install.md
USER 9877:9877
VOLUME /var/lib/panel-watchdog
