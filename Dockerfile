# docker build -t spikeavs . && docker run --rm -v "$PWD/runs:/srv/spikeavs/runs" spikeavs --mode demo
FROM python:3.11-slim

# The kernels are built for the CPU at their first use, by whichever compiler this Debian has.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --no-install-recommends -y g++ \
    && rm -rf /var/lib/apt/lists/*

COPY . /src
RUN pip install --no-cache-dir -c /src/constraints.txt "/src[video,stamps,pretrained,export]" \
    && rm -rf /src \
    && useradd --uid 1000 worker \
    && install -d -o worker /srv/spikeavs

USER 1000
WORKDIR /srv/spikeavs
ENTRYPOINT ["spikeavs"]
CMD ["--help"]
