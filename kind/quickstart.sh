#!/usr/bin/env bash
# Two clusters, a gateway in each, and a request from a pod of the one to a service of the other.
#
# What makes clusters stands in one file (QUICKSTART_PROVIDER, default provider-kind.sh beside this one), which defines:
#   cluster_up NAME              make a cluster
#   cluster_down NAME            remove it
#   cluster_load NAME ARCHIVE    give its nodes the images of an archive
#   cluster_kubeconfig NAME      print the path of its kubeconfig
#   cluster_address NAME         print an address of its node that pods of the other cluster reach
# and may set APP_IMAGE, an image with busybox. The first three show what they do with `run`.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly server=clusterlink-server client=clusterlink-client
readonly port=30443
work=${QUICKSTART_FOLDER:-dist/quickstart}
dist=${QUICKSTART_DIST:-dist}
case $(uname -m) in aarch64 | arm64) arch=arm64 ;; *) arch=x64 ;; esac
readonly work dist arch archive=$dist/clusterlink-image-$arch.tar
APP_IMAGE=busybox:1.36
print_only=

# shellcheck source=kind/provider-kind.sh
source "${QUICKSTART_PROVIDER:-kind/provider-kind.sh}"

usage() {
  cat <<USAGE
usage: kind/quickstart.sh COMMAND [--print]

  up      make two clusters, '$server' and '$client', and deploy a gateway to each
  demo    export a service of '$server', import it in '$client', and ask it from a pod there
  down    remove both clusters

  --print shows the commands without running them
USAGE
}

say() { printf '\n# %s\n' "$*"; }

# Shows a command as one would type it, and runs it.
run() {
  local word line=
  for word in "$@"; do
    if [[ $word =~ ^[A-Za-z0-9_./:=@,-]+$ ]]; then line+=" $word"; else line+=" '${word//\'/\'\\\'\'}'"; fi
  done
  printf '$%s\n' "$line"
  [[ -n $print_only ]] || "$@"
}

# What a command prints, or its name in capitals when commands are only shown.
value() { # NAME COMMAND...
  if [[ -n $print_only ]]; then echo "$1"; else "${@:2}"; fi
}

clusterlink() { run "$dist/clusterlink" "$@"; }

on() { # CLUSTER KUBECTL-ARGUMENTS...
  run kubectl --kubeconfig "$(kubeconfig_of "$1")" "${@:2}"
}

kubeconfig_of() { value "$1.kubeconfig" cluster_kubeconfig "$1"; }

build() {
  if [[ -x $dist/clusterlink && -f $archive ]]; then return; fi
  say "The executable and its image"
  run npm run build -- --image
}

deploy() { # CLUSTER PEER
  say "The gateway of '$2'"
  [[ -f $work/demo/$2/cert.pem ]] || clusterlink create peer-cert --fabric demo --name "$2" --path "$work"
  cluster_load "$1" "$archive"
  clusterlink deploy peer --name "$2" --fabric demo --path "$work" --kubeconfig "$(kubeconfig_of "$1")" \
    --ingress NodePort --ingress-port $port --wait
}

up() {
  build
  say "Two clusters"
  cluster_up $server
  cluster_up $client
  say "A fabric, whose certificates all its peers trust"
  run mkdir -p "$work"
  [[ -f $work/demo/cert.pem ]] || clusterlink create fabric --name demo --path "$work"
  deploy $server server
  deploy $client client
}

# Names the peer of the other site, by its address.
apply_peer() { # CLUSTER ADDRESS
  run sh -c "sed s/ADDRESS/$2/ kind/peer.yaml | kubectl --kubeconfig $(kubeconfig_of "$1") apply --filename -"
}

# Asks until the answer comes, for changes take a moment; a pod's wget has no time limit of its own.
ask() {
  on $client exec shop -- timeout 5 wget -q -O - http://web.default.svc:8080/
}

ask_until_answered() {
  local try
  for try in {1..30}; do
    if ask; then return; fi
    [[ -z $print_only ]] || return 0
    sleep 1
  done
  echo "no answer after $try tries" >&2
  return 1
}

demo() {
  say "A web server at 'server', and its export"
  on $server create deployment web --image "$APP_IMAGE" --port 8080 -- \
    sh -c 'mkdir /tmp/www && echo "hello from the other cluster" >/tmp/www/index.html && httpd -f -p 8080 -h /tmp/www'
  on $server expose deployment web
  on $server apply --filename kind/export.yaml
  on $server rollout status deployment web --timeout 120s

  say "Its import at 'client', and a pod that will ask it"
  apply_peer $client "$(value SERVER-ADDRESS cluster_address $server)"
  on $client apply --filename kind/import.yaml
  on $client run shop --image "$APP_IMAGE" --labels app=shop --command -- sleep 1000000
  on $client wait pod/shop --for condition=Ready --timeout 120s
  on $client wait import/web --for condition=ImportServiceValid --timeout 60s
  on $client wait peer/server --namespace clusterlink-system --for condition=PeerReachable --timeout 60s

  say "Nothing is allowed yet, so the pod is refused"
  if ask && [[ -z $print_only ]]; then
    echo "it was answered, and should have been refused" >&2
    return 1
  fi

  say "Both sides allow it: the server to the site 'client', the client to pods labelled app=shop"
  on $server apply --filename kind/allow-client.yaml
  on $client apply --filename kind/allow-shop.yaml
  ask_until_answered

  say "What the gateways say"
  clusterlink status --kubeconfig "$(kubeconfig_of $client)"
  clusterlink get imports --kubeconfig "$(kubeconfig_of $client)"
}

down() {
  cluster_down $client
  cluster_down $server
  run rm -rf "$work"
}

command=
for argument in "$@"; do
  case $argument in
    --print) print_only=yes ;;
    up | demo | down) command=$argument ;;
    *) usage >&2; exit 2 ;;
  esac
done
[[ -n $command ]] || { usage >&2; exit 2; }
"$command"
