# The sync server: docker build -t realmsync . && docker run -p 9090:9090 -v realms:/data realmsync
FROM python:3.13-slim-bookworm AS build
RUN apt-get update -qq && apt-get install -y -qq --no-install-recommends \
    g++ libdeflate-dev nlohmann-json3-dev
COPY . /source
RUN pip wheel -q --no-deps -w /wheels /source

FROM python:3.13-slim-bookworm
RUN apt-get update -qq && apt-get install -y -qq --no-install-recommends libdeflate0 \
    && rm -rf /var/lib/apt/lists/* && useradd --system realmsync && install -d -o realmsync /data
RUN --mount=from=build,source=/wheels,target=/wheels \
    pip install -q --no-cache-dir "$(echo /wheels/*.whl)[cli,uvloop]"
USER realmsync
VOLUME /data
EXPOSE 9090
ENTRYPOINT ["realmsync", "serve", "--host", "0.0.0.0", "--data", "/data"]
