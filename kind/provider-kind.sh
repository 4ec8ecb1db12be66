# Clusters made with Kind (https://kind.sigs.k8s.io) on Docker, for quickstart.sh.
# shellcheck shell=bash

cluster_up() { run kind create cluster --name "$1" --kubeconfig "$(cluster_kubeconfig "$1")"; }

cluster_down() { run kind delete cluster --name "$1" --kubeconfig "$(cluster_kubeconfig "$1")"; }

cluster_load() { run kind load image-archive "$2" --name "$1"; }

cluster_kubeconfig() { echo "$HOME/.kube/$1.kubeconfig"; }

cluster_address() {
  docker inspect --format '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}' "$1-control-plane"
}
