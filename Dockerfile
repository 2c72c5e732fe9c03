# One image for the code location, the web server and the daemon: what differs is the command. The target `sample` adds
# the generated hospitals, for their loader alone.

FROM python:3.11-slim-bookworm AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /build
RUN python -m venv /opt/passport
# Dependencies first: they change less often than the code. Of the lock, only what runs.
COPY pyproject.toml requirements.lock ./
RUN python -c "import tomllib; print(*tomllib.load(open('pyproject.toml', 'rb'))['project']['dependencies'], sep='\n')" \
        > requirements.txt \
    && /opt/passport/bin/pip install --constraint requirements.lock --requirement requirements.txt
COPY README.md ./
COPY passport_pipeline passport_pipeline
RUN /opt/passport/bin/pip install --no-deps .

FROM python:3.11-slim-bookworm AS runtime
ENV PATH=/opt/passport/bin:$PATH PYTHONUNBUFFERED=1 DAGSTER_HOME=/srv/dagster
RUN useradd --uid 10001 --no-create-home --home-dir /srv --shell /usr/sbin/nologin passport \
    && install -d -o passport -g passport -m 0700 /srv/batches /srv/hospitals /srv/dagster /srv/dagster/storage
COPY --from=build /opt/passport /opt/passport
COPY dagster.yaml workspace.yaml /srv/dagster/
USER passport
WORKDIR /srv/dagster
EXPOSE 3000 4000

FROM runtime AS sample
COPY passport_sample /opt/passport/lib/python3.11/site-packages/passport_sample

FROM runtime
CMD ["dagster", "code-server", "start", "-m", "passport_pipeline.orchestration.definitions", "-h", "0.0.0.0", "-p", "4000"]
