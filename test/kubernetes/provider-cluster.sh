# Clusters made by ../shared/k8s/cluster, on a machine without Docker and without an image registry, for quickstart.sh.
# shellcheck shell=bash
readonly cluster=../shared/k8s/cluster

# shellcheck disable=SC2034 # quickstart.sh reads it
APP_IMAGE=busybox:local

cluster_up() { run "$cluster" up "$1"; }

cluster_down() { run "$cluster" down "$1"; }

cluster_load() { run "$cluster" load "$1" "$2"; }

cluster_kubeconfig() { "$cluster" kubeconfig "$1"; }

cluster_address() {
  kubectl --kubeconfig "$(cluster_kubeconfig "$1")" get nodes \
    --output 'jsonpath={.items[0].status.addresses[?(@.type=="InternalIP")].address}'
}
