// Informers of client-go against an API server: typed ones, dynamic ones of every kind that is listed, and ones of metadata.
// When all have synchronized, it prints a line for each object that they hold: the informer, the resource, namespace, name,
// revision and a sum of the object. With -hold it then keeps them open and fails when one of them breaks.
//
//	informers -kubeconfig FILE [-context NAME] [-hold 5m]
package main

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"slices"
	"sort"
	"strings"
	"sync/atomic"
	"time"

	openapi_v2 "github.com/google/gnostic-models/openapiv2"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/dynamic/dynamicinformer"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/metadata/metadatainformer"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/clientcmd"
	openapi "k8s.io/kube-openapi/pkg/util/proto"
)

func must[T any](value T, err error) T {
	if err != nil {
		fmt.Fprintln(os.Stderr, "informers:", err)
		os.Exit(1)
	}
	return value
}

func main() {
	kubeconfig := flag.String("kubeconfig", "", "the kubeconfig")
	name := flag.String("context", "", "the context; without it the current one")
	hold := flag.Duration("hold", 0, "how long the watches are held after that")
	flag.Parse()
	rules := &clientcmd.ClientConfigLoadingRules{ExplicitPath: *kubeconfig}
	overrides := &clientcmd.ConfigOverrides{CurrentContext: *name}
	config := must(clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, overrides).ClientConfig())
	config.QPS, config.Burst = 1000, 1000

	typed := informers.NewSharedInformerFactory(kubernetes.NewForConfigOrDie(config), 0)
	dynamics := dynamicinformer.NewDynamicSharedInformerFactory(dynamic.NewForConfigOrDie(config), 0)
	metadatas := metadatainformer.NewSharedInformerFactory(metadata.NewForConfigOrDie(config), 0)
	all := map[string]cache.SharedIndexInformer{
		"typed v1 pods":               typed.Core().V1().Pods().Informer(),
		"typed v1 services":           typed.Core().V1().Services().Informer(),
		"typed v1 configmaps":         typed.Core().V1().ConfigMaps().Informer(),
		"typed v1 secrets":            typed.Core().V1().Secrets().Informer(),
		"typed v1 nodes":              typed.Core().V1().Nodes().Informer(),
		"typed v1 events":             typed.Core().V1().Events().Informer(),
		"typed apps/v1 deployments":   typed.Apps().V1().Deployments().Informer(),
		"typed apps/v1 replicasets":   typed.Apps().V1().ReplicaSets().Informer(),
		"typed apps/v1 statefulsets":  typed.Apps().V1().StatefulSets().Informer(),
		"typed batch/v1 cronjobs":     typed.Batch().V1().CronJobs().Informer(),
		"typed rbac/v1 roles":         typed.Rbac().V1().ClusterRoles().Informer(),
		"typed networking/v1 ingress": typed.Networking().V1().Ingresses().Informer(),
	}
	client := discovery.NewDiscoveryClientForConfigOrDie(config)
	lists, err := client.ServerPreferredResources()
	if !discovery.IsGroupDiscoveryFailedError(err) { // of what others serve for it, such as metrics, there may be nothing
		must(0, err)
	}
	for _, list := range lists {
		version := must(schema.ParseGroupVersion(list.GroupVersion))
		for _, resource := range list.APIResources {
			if slices.Contains(resource.Verbs, "watch") && slices.Contains(resource.Verbs, "list") {
				which := version.WithResource(resource.Name)
				id := list.GroupVersion + " " + resource.Name
				all["dynamic "+id] = dynamics.ForResource(which).Informer()
				all["metadata "+id] = metadatas.ForResource(which).Informer()
			}
		}
	}
	var broken atomic.Int64
	for id, informer := range all {
		must(0, informer.SetWatchErrorHandlerWithContext(func(_ context.Context, _ *cache.Reflector, err error) {
			broken.Add(1)
			fmt.Fprintln(os.Stderr, "informers:", id, err)
		}))
	}
	stop := make(chan struct{})
	typed.Start(stop)
	dynamics.Start(stop)
	metadatas.Start(stop)
	start := time.Now()
	for id, informer := range all {
		for !informer.HasSynced() {
			if time.Since(start) > time.Minute {
				must(0, fmt.Errorf("%s has not synchronized", id))
			}
			time.Sleep(10 * time.Millisecond)
		}
	}
	fmt.Fprintf(os.Stderr, "informers: %d synchronized after %.1f s\n", len(all), time.Since(start).Seconds())
	if *hold > 0 {
		time.Sleep(*hold)
	}
	var lines []string
	for id, informer := range all {
		for _, object := range informer.GetStore().List() {
			about := must(meta.Accessor(object.(runtime.Object)))
			sum := sha256.Sum256(must(json.Marshal(object)))
			lines = append(lines, fmt.Sprintf("%s %s/%s %s %x", id, about.GetNamespace(), about.GetName(),
				about.GetResourceVersion(), sum[:8]))
		}
	}
	lines = append(lines, models(must(client.OpenAPISchema()))...)
	sort.Strings(lines)
	fmt.Println(strings.Join(lines, "\n"))
	if broken.Load() > 0 {
		os.Exit(1)
	}
}

// models has a line for each kind of OpenAPI v2, which client-go asks for in protobuf: what it is read as.
func models(document *openapi_v2.Document) (lines []string) {
	known := must(openapi.NewOpenAPIData(document))
	for _, name := range known.ListModels() {
		model := known.LookupModel(name)
		kinds, _ := json.Marshal(fmt.Sprint(model.GetExtensions()["x-kubernetes-group-version-kind"]))
		sum := sha256.Sum256([]byte(describe(model, 0)))
		if !strings.HasSuffix(name, ".DeleteOptions") && !strings.HasSuffix(name, ".WatchEvent") {
			lines = append(lines, fmt.Sprintf("openapi %s %s %x", name, kinds, sum[:8]))
		}
	}
	return lines
}

func describe(model openapi.Schema, depth int) string {
	text := model.GetDescription() + "|"
	switch of := model.(type) {
	case *openapi.Kind:
		keys := of.Keys()
		for _, key := range keys {
			text += key + fmt.Sprint(of.IsRequired(key)) + "(" + describe(of.Fields[key], depth+1) + ")"
		}
	case *openapi.Array:
		text += "[]" + describe(of.SubType, depth+1)
	case *openapi.Map:
		text += "{}" + describe(of.SubType, depth+1)
	case *openapi.Primitive:
		text += of.Type + ":" + of.Format
	case openapi.Reference:
		text += "->" + of.Reference()
	}
	return text
}
