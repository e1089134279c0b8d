"""The profile `restricted` of Kubernetes' Pod Security Standards.

As https://kubernetes.io/docs/concepts/security/pod-security-standards/ has it.
"""

from typing import Any

HOST_NAMESPACES = ("hostNetwork", "hostPID", "hostIPC")
VOLUMES = {
    "configMap",
    "csi",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "persistentVolumeClaim",
    "projected",
    "secret",
}
SECCOMP = ("RuntimeDefault", "Localhost")
APPARMOR = (None, "RuntimeDefault", "Localhost")
SELINUX_TYPES = (None, "", "container_t", "container_init_t", "container_kvm_t", "container_engine_t")
SYSCTLS = {
    "kernel.shm_rmid_forced",
    "net.ipv4.ip_local_port_range",
    "net.ipv4.ip_unprivileged_port_start",
    "net.ipv4.tcp_syncookies",
    "net.ipv4.ping_group_range",
    "net.ipv4.ip_local_reserved_ports",
    "net.ipv4.tcp_keepalive_time",
    "net.ipv4.tcp_fin_timeout",
    "net.ipv4.tcp_keepalive_intvl",
    "net.ipv4.tcp_keepalive_probes",
}


def violations(pod: dict[str, Any]) -> list[str]:
    """What the profile forbids of a pod's spec, in words; empty if nothing."""
    found = [name for name in HOST_NAMESPACES if pod.get(name)]
    for volume in pod.get("volumes", ()):
        found += [f"volume {volume['name']}: {kind}" for kind in volume.keys() - {"name"} - VOLUMES]
    of_pod = pod.get("securityContext", {})
    found += [f"sysctl {each['name']}" for each in of_pod.get("sysctls", ()) if each["name"] not in SYSCTLS]
    for kind in ("initContainers", "containers", "ephemeralContainers"):
        for container in pod.get(kind, ()):
            found += [f"{container['name']}: {each}" for each in _of_container(container, of_pod)]
    return found


def _of_container(container: dict[str, Any], of_pod: dict[str, Any]) -> list[str]:
    own: dict[str, Any] = container.get("securityContext", {})
    both = {**of_pod, **own}
    capabilities = own.get("capabilities", {})
    checks = {
        "privileged": own.get("privileged"),
        "allowPrivilegeEscalation is not false": own.get("allowPrivilegeEscalation") is not False,
        "runAsNonRoot is not true": both.get("runAsNonRoot") is not True,
        "runAsUser is 0": both.get("runAsUser") == 0,
        "no seccompProfile": _type(both, "seccompProfile") not in SECCOMP,
        "appArmorProfile": _type(both, "appArmorProfile") not in APPARMOR,
        "seLinuxOptions": _bad_selinux(both.get("seLinuxOptions", {})),
        "procMount": own.get("procMount", "Default") != "Default",
        "hostProcess": both.get("windowsOptions", {}).get("hostProcess"),
        "hostPort": any(port.get("hostPort") for port in container.get("ports", ())),
        "capabilities are not dropped": "ALL" not in capabilities.get("drop", ()),
        "capabilities are added": set(capabilities.get("add", ())) - {"NET_BIND_SERVICE"},
    }
    return [what for what, bad in checks.items() if bad]


def _type(context: dict[str, Any], name: str) -> str | None:
    found: str | None = context.get(name, {}).get("type")
    return found


def _bad_selinux(options: dict[str, Any]) -> bool:
    return options.get("type") not in SELINUX_TYPES or bool(options.get("user") or options.get("role"))
