"""The Kubernetes client for Python against an API server: client.py KUBECONFIG [CONTEXT]

Prints one JSON document: objects of typed and dynamic lists, the events of a watch, and the events of the same watch over
WebSocket, each event as it came.
"""

import json
import ssl
import sys
from urllib.parse import urlsplit

import websocket
from kubernetes import client, config, dynamic, watch

since = sys.argv[3] if len(sys.argv) > 3 else "0"
config.load_kube_config(sys.argv[1], context=sys.argv[2] if len(sys.argv) > 2 else None)
api = client.ApiClient()
core, apps = client.CoreV1Api(api), client.AppsV1Api(api)
out = {}


def plain(objects):
    """Objects of a list, without what an API server leaves out of them."""
    objects = api.sanitize_for_serialization(objects)
    for item in objects if isinstance(objects, list) else []:
        item.pop("apiVersion", None)
        item.pop("kind", None)
    return objects


def in_order(events):
    """Events of what is there have no order."""
    if since != "0":
        return events
    return sorted(events, key=lambda event: event[-1]["metadata"]["name"])


out["minor"] = client.VersionApi(api).get_code().major
out["typed"] = {
    "pods": plain(core.list_namespaced_pod("shop").items),
    "deployments": plain(apps.list_namespaced_deployment("shop", label_selector="app=web").items),
    "secrets": plain(core.list_namespaced_secret("shop").items),
    "one": plain(core.read_namespaced_pod("db-0", "shop")),
    "scale": plain(apps.read_namespaced_deployment_scale("web", "shop").spec),
}

pages, token = [], None
while token != "":
    page = core.list_namespaced_config_map("shop", limit=1, _continue=token)
    pages.append([item.metadata.name for item in page.items])
    token = page.metadata._continue or ""
out["pages"] = pages

every = dynamic.DynamicClient(api)
out["dynamic"] = {}
for api_version, kind in [("v1", "Service"), ("apps/v1", "StatefulSet"), ("acme.io/v1", "Widget"), ("batch/v1", "CronJob")]:
    found = every.resources.get(api_version=api_version, kind=kind)
    out["dynamic"][kind] = [item.to_dict() for item in found.get(namespace="shop").items]

refused = []
for call in [
    lambda: core.read_namespaced_pod("none", "shop"),
    lambda: core.list_pod_for_all_namespaces(resource_version="1000000"),
    lambda: core.list_pod_for_all_namespaces(field_selector="spec.nothing=1"),
]:
    try:
        call()
        refused.append(None)
    except client.ApiException as error:
        refused.append([error.status, json.loads(error.body)["reason"]])
out["refused"] = refused

stream = watch.Watch().stream(core.list_namespaced_pod, "shop", resource_version=since, timeout_seconds=2)
out["watch"] = in_order([[event["type"], event["raw_object"]] for event in stream])

# the same as a client without HTTP of its own does it
settings = api.configuration
url = urlsplit(settings.host)
headers = {}
api.update_params_for_auth(headers, [], ["BearerToken"], "", "GET", None)
socket = websocket.create_connection(
    f"{'wss' if url.scheme == 'https' else 'ws'}://{url.netloc}{url.path}"
    f"/api/v1/namespaces/shop/pods?watch=1&resourceVersion={since}&timeoutSeconds=2",
    header=headers,
    origin="http://localhost",
    subprotocols=["base64.binary.k8s.io"],
    sslopt={"cert_reqs": ssl.CERT_NONE},
    timeout=30,
)
events = []
while True:
    kind, data = socket.recv_data()
    if kind == websocket.ABNF.OPCODE_CLOSE:
        break
    event = json.loads(data)
    events.append([kind, event["type"], event["object"]])
out["websocket"] = in_order(events)
out["subprotocol"] = socket.getsubprotocol()
json.dump(out, sys.stdout, sort_keys=True)
