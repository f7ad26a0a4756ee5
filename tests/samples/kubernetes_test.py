"""The manifests of samples/profile_service fit together, and userctl accepts the service config in them.

kubernetes_test.py MANIFESTS USERCTL
"""

import json
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

try:
    import yaml
except ImportError:
    print("skipped: needs python3-yaml (Debian: apt-get install python3-yaml, or ./run setup test)")
    sys.exit(77)

MANIFESTS = pathlib.Path(sys.argv[1])
USERCTL = sys.argv[2]
ROOT = pathlib.Path(__file__).resolve().parents[2]


def documents():
    for file in sorted(MANIFESTS.glob("*.yaml")):
        yield from yaml.safe_load_all(file.read_text())


def find(kind, name):
    found = [d for d in documents() if d["kind"] == kind and d["metadata"]["name"] == name]
    assert len(found) == 1, f"{len(found)} of {kind} {name}"
    return found[0]


def container(deployment):
    return deployment["spec"]["template"]["spec"]["containers"][0]


def flags(deployment):
    return dict(arg.removeprefix("--").split("=", 1) for arg in container(deployment)["args"] if "=" in arg)


def seconds(text):
    return float(re.fullmatch(r"([0-9.]+)s", text)[1])


class KubernetesTest(unittest.TestCase):
    def test_userctl_accepts_the_service_config(self):
        text = find("ConfigMap", "profile-service-userclient")["data"]["service_config.json"]
        with tempfile.TemporaryDirectory() as directory:
            file = pathlib.Path(directory) / "service_config.json"
            file.write_text(text)

            checked = subprocess.run([USERCTL, "config", "check", file], capture_output=True, text=True)

        self.assertEqual(checked.returncode, 0, checked.stdout + checked.stderr)

    def test_the_service_config_is_that_of_production(self):
        text = find("ConfigMap", "profile-service-userclient")["data"]["service_config.json"]
        production = json.loads((ROOT / "service_config/production.json").read_text())
        del production["$schema"]

        self.assertEqual(json.loads(text), production, "copy service_config/production.json into service_config.yaml")

    def test_the_service_config_is_mounted_as_a_directory_where_the_program_reads_it(self):
        deployment = find("Deployment", "profile-service")
        mount = container(deployment)["volumeMounts"][0]
        volume = deployment["spec"]["template"]["spec"]["volumes"][0]

        self.assertNotIn("subPath", mount)
        self.assertEqual(mount["name"], volume["name"])
        self.assertEqual(volume["configMap"]["name"], "profile-service-userclient")
        self.assertEqual(flags(deployment)["service-config"], mount["mountPath"] + "/service_config.json")

    def test_the_target_is_the_headless_service(self):
        users = find("Service", "users")
        port = users["spec"]["ports"][0]

        self.assertEqual(users["spec"]["clusterIP"], "None")
        self.assertEqual(flags(find("Deployment", "profile-service"))["target"], f"dns:///users:{port['port']}")

    def test_every_service_selects_the_pods_of_one_deployment_and_a_port_that_they_have(self):
        for service, deployment in (("users", "user-server"), ("profile-service", "profile-service")):
            with self.subTest(service=service):
                spec = find("Service", service)["spec"]
                pods = find("Deployment", deployment)["spec"]

                self.assertEqual(spec["selector"], pods["selector"]["matchLabels"])
                self.assertEqual(spec["selector"], pods["template"]["metadata"]["labels"])
                names = [port["name"] for port in container(find("Deployment", deployment))["ports"]]
                self.assertIn(spec["ports"][0]["targetPort"], names)

    def test_programs_listen_where_their_ports_and_probes_are(self):
        for deployment in ("user-server", "profile-service"):
            with self.subTest(deployment=deployment):
                manifest = find("Deployment", deployment)
                pod = container(manifest)
                port = pod["ports"][0]["containerPort"]

                self.assertEqual(flags(manifest)["listen"], f"0.0.0.0:{port}")
                self.assertIn("readinessProbe", pod)
                self.assertIn("livenessProbe", pod)
                for probe in (pod[name] for name in pod if name.endswith("Probe")):
                    asked = next(probe[how] for how in ("grpc", "httpGet", "tcpSocket") if how in probe)["port"]
                    self.assertIn(asked, (port, pod["ports"][0]["name"]))

    def test_probes_of_the_profile_service_ask_what_it_serves(self):
        pod = container(find("Deployment", "profile-service"))
        annotations = find("Deployment", "profile-service")["spec"]["template"]["metadata"]["annotations"]

        self.assertEqual(pod["livenessProbe"]["httpGet"]["path"], "/healthz")
        self.assertEqual(pod["readinessProbe"]["httpGet"]["path"], "/readyz")
        self.assertEqual(annotations["prometheus.io/path"], "/metrics")
        self.assertEqual(annotations["prometheus.io/port"], str(pod["ports"][0]["containerPort"]))

    def test_a_server_has_the_time_to_drain_and_clients_that_to_notice(self):
        server = find("Deployment", "user-server")
        grace = server["spec"]["template"]["spec"]["terminationGracePeriodSeconds"]
        # The name is looked up every 5 s +20 %, if the service config says nothing else.
        dns_refresh = 5 * 1.2

        self.assertGreater(seconds(flags(server)["drain-notice"]), dns_refresh)
        self.assertGreaterEqual(seconds(flags(server)["drain-limit"]), 2 * seconds(flags(server)["drain-notice"]))
        self.assertGreater(grace, seconds(flags(server)["drain-limit"]))

    def test_the_profile_service_has_the_time_to_drain_too(self):
        service = find("Deployment", "profile-service")
        grace = service["spec"]["template"]["spec"]["terminationGracePeriodSeconds"]
        readiness = container(service)["readinessProbe"]

        notice = seconds(flags(service)["drain-notice"])
        self.assertGreater(notice, readiness["periodSeconds"] * readiness["failureThreshold"])
        self.assertGreater(grace, notice + seconds(flags(service)["drain-limit"]))


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
