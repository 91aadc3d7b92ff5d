#!/usr/bin/env python3
"""Runs Headlamp's backend on what `etcdsnap serve` serves: .ci/headlamp.py ETCDSNAP HEADLAMP

HEADLAMP is the program headlamp-server of a release. What Headlamp's frontend asks for goes through it: the login, the list of
every kind, and watches on its WebSocket multiplexer. Needs the Python of `.ci/engines.sh`, in `kubernetes/bin` of its folder.
"""
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

import websocket

etcdsnap, headlamp = map(os.path.abspath, sys.argv[1:3])
os.chdir(os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
CLUSTER, BEFORE = "kube-later.db", "before"


def ask(port, path, body=None):
    """The answer to a request of the frontend, as its status and what it says."""
    data = None if body is None else json.dumps(body).encode()
    accept = "application/json"
    if path.endswith(("/api", "/apis")):
        accept = "application/json;v=v2;g=apidiscovery.k8s.io;as=APIGroupDiscoveryList"
    headers = {"Accept": accept, "Content-Type": "application/json"}
    try:
        with urllib.request.urlopen(urllib.request.Request(f"http://127.0.0.1:{port}{path}", data, headers)) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def document(port, path, body=None):
    status, text = ask(port, path, body)
    assert status in (200, 201), (path, status, text[:300])
    return json.loads(text)


def kinds(port, cluster):
    """The path and the kind of all that can be listed, as the frontend finds it."""
    for root in ("/api", "/apis"):
        for group in document(port, f"/clusters/{cluster}{root}")["items"]:
            name = group["metadata"].get("name", "")
            version = group["versions"][0]
            for resource in version["resources"]:
                if "list" in resource["verbs"]:
                    path = "/".join(part for part in (root, name, version["version"], resource["resource"]) if part)
                    yield path, resource["responseKind"]["kind"]


def events(port, cluster, path, query, wanted):
    """The events of a watch on the multiplexer, until there are as many as wanted; none when it is only to be connected."""
    client = websocket.create_connection(f"ws://127.0.0.1:{port}/wsMultiplexer", timeout=30, suppress_origin=True)
    asked = {"clusterId": cluster, "path": path, "query": query, "userId": "user", "type": "REQUEST"}
    client.send(json.dumps(asked))
    found = []
    while len(found) < wanted or not wanted:
        message = json.loads(client.recv())
        if message["type"] == "STATUS":
            state = json.loads(message["data"])["state"]
            assert state in ("connecting", "connected"), (path, message)
            if not wanted and state == "connected":
                break
        elif message["type"] == "DATA":
            event = json.loads(message["data"])
            found.append((event["type"], event["object"]["metadata"]["name"]))
    client.close()
    return found


with tempfile.TemporaryDirectory() as work:
    kubeconfig = os.path.join(work, "kubeconfig")
    serving = subprocess.Popen(
        [etcdsnap, "serve", "fixtures/kube-later.db", "--context", f"{BEFORE}=470", "--kubeconfig", kubeconfig],
        stdout=subprocess.PIPE,
    )
    serving.stdout.readline()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    plugins = os.path.join(work, "plugins")
    os.mkdir(plugins)
    flags = ["-kubeconfig", kubeconfig, "-listen-addr", "127.0.0.1", "-port", str(port), "-log-level", "error"]
    flags += ["-plugins-dir", plugins, "-user-plugins-dir", plugins, "-watch-plugins-changes=false"]
    with open(os.path.join(work, "log"), "w") as log:
        backend = subprocess.Popen([headlamp, *flags], stdout=log, stderr=log, env={**os.environ, "HOME": work})
    try:
        for _ in range(100):
            try:
                clusters = {cluster["name"] for cluster in document(port, "/config")["clusters"]}
                break
            except OSError:
                time.sleep(0.2)
                assert backend.poll() is None, open(os.path.join(work, "log")).read()
        assert {CLUSTER, BEFORE} <= clusters, clusters

        at = f"/clusters/{CLUSTER}"
        assert ask(port, at + "/healthz")[1] == b"ok"
        rules = document(port, at + "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews", {"spec": {"namespace": "default"}})
        assert rules["status"]["resourceRules"], rules
        assert document(port, at + "/version")["gitVersion"].startswith("v1.")
        print("headlamp: logs in; clusters", *sorted(clusters))

        found, objects = sorted(kinds(port, CLUSTER)), {}
        for path, kind in found:
            listed = document(port, f"{at}{path}?limit=1000")
            assert listed["kind"] == kind + "List" and listed["metadata"]["resourceVersion"] == "505", (path, listed)
            objects[path] = [item["metadata"]["name"] for item in listed["items"]]
        assert len(objects["/api/v1/pods"]) == 8 and objects["/apis/acme.io/v1/widgets"] == ["two", "one"], objects
        print(f"headlamp: lists {len(found)} kinds, {sum(map(len, objects.values()))} objects")
        for path, _ in found:
            events(port, CLUSTER, path, "resourceVersion=505&watch=1", 0)
        print(f"headlamp: watches {len(found)} kinds")
        seen = events(port, CLUSTER, "/api/v1/pods", "resourceVersion=465&watch=1", 4)
        assert ("ADDED", "once") in seen, seen
        print("headlamp: gets", *(f"{kind}:{name}" for kind, name in seen))

        for cluster, replicas in ((CLUSTER, 5), (BEFORE, 3)):
            web = document(port, f"/clusters/{cluster}/apis/apps/v1/namespaces/shop/deployments/web")
            assert web["spec"]["replicas"] == replicas, web
        status, text = ask(port, at + "/api/v1/namespaces", {"metadata": {"name": "new"}})
        assert status == 403 and b"nothing was changed" in text, (status, text)
        print("headlamp: shows both states, and is refused a new Namespace")
    except AssertionError:
        print(open(os.path.join(work, "log")).read()[-3000:], file=sys.stderr)
        raise
    finally:
        backend.kill()
        backend.wait()
        serving.send_signal(signal.SIGINT)
        serving.wait()
