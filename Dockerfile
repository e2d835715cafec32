# docker build -t dcgan-sweeps .                          for the CPU
# docker build -t dcgan-sweeps --build-arg LOCK=gpu .     for an NVIDIA GPU
# docker run -v dcgan-data:/data -v "$PWD/mlruns:/work/mlruns" dcgan-sweeps run experiment=quick
FROM python:3.13.9-slim-bookworm

ARG LOCK=use
ENV PYTHONUNBUFFERED=1 \
    PIP_NO_CACHE_DIR=1 \
    XDG_CACHE_HOME=/data

WORKDIR /app
# Dependencies have a layer of their own, because they change less often than the code.
COPY requirements/${LOCK}.txt requirements/server.txt requirements/
# server.txt: the drivers of PostgreSQL and S3, and the login of an MLflow server.
RUN python -m pip install --require-hashes --requirement requirements/${LOCK}.txt \
    && python -m pip install --require-hashes --requirement requirements/server.txt
COPY pyproject.toml README.md LICENSE ./
COPY conf conf
COPY dcgan_sweeps dcgan_sweeps
COPY hydra_plugins hydra_plugins
RUN python -m pip install --no-deps --no-build-isolation . \
    && useradd --create-home --uid 1000 user \
    && mkdir -p /data /work/mlruns \
    && chown user /data /work /work/mlruns

USER 1000
WORKDIR /work
VOLUME ["/data", "/work/mlruns"]
ENTRYPOINT ["dcgan-sweeps"]
CMD ["--help"]
