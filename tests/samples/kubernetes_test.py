"""The manifests of samples/profile_service fit together, and userctl accepts the service config in them.

kubernetes_test.py MANIFESTS USERCTL [PROGRAM...]: the programs whose flags the manifests use, as far as they were built.
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
PROGRAMS = {pathlib.Path(program).name: program for program in sys.argv[3:]}
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


def port_of(pod, name):
    return next(port["containerPort"] for port in pod["ports"] if port["name"] == name)


def stages():
    """Of the Containerfile: the instructions of each, by its name."""
    found = {}
    text = re.sub(r"\\\n", "", (MANIFESTS / "Containerfile").read_text())
    for line in (line for line in text.splitlines() if line and not line.startswith("#")):
        if line.startswith("FROM "):
            stage = found.setdefault(line.split(" AS ")[1], [])
        stage.append(line)
    return found


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
                served = [port["name"] for port in pod["ports"]] + [port["containerPort"] for port in pod["ports"]]
                for probe in (pod[name] for name in pod if name.endswith("Probe")):
                    asked = next(probe[how] for how in ("grpc", "httpGet", "tcpSocket") if how in probe)["port"]
                    self.assertIn(asked, served)

    def test_operations_have_a_port_of_their_own_that_no_service_leads_to(self):
        pod = container(find("Deployment", "profile-service"))
        operations = port_of(pod, "operations")

        self.assertEqual(flags(find("Deployment", "profile-service"))["operations-listen"], f"0.0.0.0:{operations}")
        self.assertEqual(pod["livenessProbe"]["httpGet"]["port"], "operations")
        self.assertEqual(pod["readinessProbe"]["httpGet"]["port"], "operations")
        for port in find("Service", "profile-service")["spec"]["ports"]:
            self.assertNotIn(port["targetPort"], ("operations", operations))

    def test_users_outlive_their_pod_and_are_all_in_one_place(self):
        deployment = find("Deployment", "user-server")
        spec = deployment["spec"]["template"]["spec"]
        store = pathlib.PurePath(flags(deployment)["store"].removeprefix("sqlite:"))
        mount = next(m for m in container(deployment)["volumeMounts"] if pathlib.PurePath(m["mountPath"]) in store.parents)
        volume = next(v for v in spec["volumes"] if v["name"] == mount["name"])

        self.assertEqual(deployment["spec"]["replicas"], 1)
        self.assertEqual(deployment["spec"]["strategy"]["type"], "Recreate")
        self.assertTrue(flags(deployment)["store"].startswith("sqlite:"))
        self.assertFalse(mount.get("readOnly", False))
        self.assertEqual(spec["securityContext"]["fsGroup"], spec["securityContext"]["runAsUser"])
        find("PersistentVolumeClaim", volume["persistentVolumeClaim"]["claimName"])

    def test_every_image_is_built_by_the_containerfile(self):
        version = re.search(r"project\(userclient\s+VERSION ([0-9.]+)", (ROOT / "CMakeLists.txt").read_text())[1]
        for deployment in ("user-server", "profile-service"):
            with self.subTest(deployment=deployment):
                manifest = find("Deployment", deployment)
                name, tag = container(manifest)["image"].split(":")
                stage = stages()[name]
                user = manifest["spec"]["template"]["spec"]["securityContext"]["runAsUser"]

                self.assertEqual(tag, version)
                self.assertIn(f'ENTRYPOINT ["/usr/bin/{deployment.replace("-", "_")}"]', stage)
                self.assertIn(f"USER {user}:{user}", stage)

    def test_the_containerfile_copies_what_there_is(self):
        package = (ROOT / "cmake/UserclientPackage.cmake").read_text()
        for line in (line for stage in stages().values() for line in stage if line.startswith("COPY ")):
            with self.subTest(line=line):
                source = line.split()[1]
                if source.startswith("--from="):
                    self.assertIn(source.removeprefix("--from="), stages())
                elif source.startswith("build/release/package/"):
                    self.assertIn(f"_PACKAGE_NAME {pathlib.PurePath(source).name.split('_')[0]})", package)
                else:
                    self.assertTrue((ROOT / source).exists())

    def test_programs_know_the_flags_that_they_are_given(self):
        for deployment in ("user-server", "profile-service"):
            with self.subTest(deployment=deployment):
                program = PROGRAMS.get(deployment.replace("-", "_"))
                if program is None:
                    self.skipTest("it was not built")
                told = subprocess.run([program, "--help"], capture_output=True, text=True, check=True).stdout

                for arg in container(find("Deployment", deployment))["args"]:
                    self.assertIn(arg.split("=")[0], re.findall(r"--[a-z-]+", told))

    def test_probes_of_the_profile_service_ask_what_it_serves(self):
        pod = container(find("Deployment", "profile-service"))
        annotations = find("Deployment", "profile-service")["spec"]["template"]["metadata"]["annotations"]

        self.assertEqual(pod["livenessProbe"]["httpGet"]["path"], "/healthz")
        self.assertEqual(pod["readinessProbe"]["httpGet"]["path"], "/readyz")
        self.assertEqual(annotations["prometheus.io/path"], "/metrics")
        self.assertEqual(annotations["prometheus.io/port"], str(port_of(pod, "operations")))

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
        # The README: what is cut off has up to two seconds more.
        self.assertGreater(grace, notice + seconds(flags(service)["drain-limit"]) + 2)

    def test_pods_may_do_no_more_than_they_must(self):
        for deployment in ("user-server", "profile-service"):
            with self.subTest(deployment=deployment):
                pod = find("Deployment", deployment)["spec"]["template"]["spec"]
                may = container(find("Deployment", deployment))["securityContext"]

                self.assertIs(pod["automountServiceAccountToken"], False)
                self.assertIs(pod["securityContext"]["runAsNonRoot"], True)
                self.assertEqual(pod["securityContext"]["seccompProfile"], {"type": "RuntimeDefault"})
                self.assertIs(may["allowPrivilegeEscalation"], False)
                self.assertIs(may["readOnlyRootFilesystem"], True)
                self.assertEqual(may["capabilities"], {"drop": ["ALL"]})

    def test_a_node_that_is_drained_leaves_a_pod(self):
        budget = find("PodDisruptionBudget", "profile-service")["spec"]
        deployment = find("Deployment", "profile-service")["spec"]

        self.assertEqual(budget["selector"], deployment["selector"])
        self.assertLess(budget["maxUnavailable"], deployment["replicas"])


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
