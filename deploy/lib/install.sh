# shellcheck shell=bash
# Installs the Debian packages that are missing. Sourced by deploy/demo and tests/run, after `set -euo pipefail`.

PACKAGE_LIST=$(dirname "${BASH_SOURCE[0]}")/packages.txt
# Packages whose installation starts a system service, and that service. Only their programs are wanted here.
SERVICES=(mosquitto nginx)

die() {
    printf '%s: %s\n' "$(basename "$0")" "$1" >&2
    exit "${2:-69}"
}

packages_of() {
    local group
    for group in "$@"; do
        awk -v group="$group" '$1 == group {print $2}' "$PACKAGE_LIST"
    done
}

is_installed() {
    dpkg-query -W -f='${db:Status-Status}\n' "$1" 2>/dev/null | grep -qx installed
}

# Of the names on stdin, those that are not installed.
missing_packages() {
    local package
    while read -r package; do
        is_installed "$package" || echo "$package"
    done
}

# Runs a command as root, or says how a person can.
as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif ! command -v sudo >/dev/null; then
        die "installing needs root: run this as root, or install sudo" 77
    elif [ -t 0 ]; then
        sudo "$@"
    else
        sudo -n "$@" || die "installing needs root and sudo wants a password: run 'sudo apt-get install ${to_install[*]}' first" 77
    fi
}

apt_get() {
    as_root env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get -q -o DPkg::Lock::Timeout=300 "$@"
}

# The package's own script may have started and enabled the service; this machine did not ask for one.
switch_off_service() {
    if [ -d /run/systemd/system ] && systemctl cat "$1.service" >/dev/null 2>&1; then
        as_root systemctl disable --now "$1.service" >/dev/null 2>&1 || return 0
        echo "The system service $1 that came with the package is switched off (systemctl enable --now $1 starts it)."
    elif [ -x "/etc/init.d/$1" ] && command -v service >/dev/null; then
        as_root service "$1" stop >/dev/null 2>&1 || true
    fi
}

confirm() {
    local answer
    [ "$1" = yes ] && return
    { [ -t 0 ] && [ -t 1 ]; } || return 0
    read -r -p "Go on? [Y/n] " answer
    case $answer in
        '' | y | Y | yes) ;;
        *) die "nothing was installed" 1 ;;
    esac
}

# install_packages ASSUME_YES GROUP...: asks first only on a terminal, and not if ASSUME_YES is "yes".
install_packages() {
    local assume_yes=$1 service
    shift
    if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
        die "this installs with apt-get and is made for Debian 12; elsewhere install what $PACKAGE_LIST names"
    fi
    mapfile -t to_install < <(packages_of "$@" | missing_packages)
    [ "${#to_install[@]}" -gt 0 ] || return 0
    printf 'These Debian packages are missing and will be installed:\n  %s\n' "${to_install[*]}"
    confirm "$assume_yes"
    apt_get update || die "apt-get update failed (its message stands above): check the network and /etc/apt/sources.list"
    apt_get install -y --no-install-recommends "${to_install[@]}" ||
        die "apt-get could not install ${to_install[*]} (its message stands above)"
    for service in "${SERVICES[@]}"; do
        if [[ " ${to_install[*]} " == *" $service "* ]]; then
            switch_off_service "$service"
        fi
    done
}
