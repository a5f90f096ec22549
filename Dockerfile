# The program alone: no shell, no other files but the certificates of public authorities.
#
#   docker build -t pgsluice .
#   docker run -v ./shop.yaml:/etc/pgsluice.yaml:ro -e PGPASSWORD -e CH_PASSWORD pgsluice run -c /etc/pgsluice.yaml
FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION
RUN CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -X main.version=${VERSION}" -o /out/pgsluice ./cmd/pgsluice && mkdir -m 1777 /out/tmp

FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /out/ /
# Nobody: it needs no right on the machine. Large transactions are kept in /tmp (spool_dir).
USER 65534:65534
ENTRYPOINT ["/pgsluice"]
