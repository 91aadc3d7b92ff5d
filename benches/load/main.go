// Command load turns an etcd that holds a small Kubernetes keyspace into one that holds a large one.
//
// The objects that are there serve as patterns: each new object is a pattern decoded, renamed, given another uid, and
// encoded again the way the API server does, once for every revision. So a tool under measurement meets real protobuf
// of some forty kinds, in real sizes, with real sharing of names. On top of that:
//
//   - one object in 50 is a custom resource, stored as JSON: 8 to 200 KB, one in twenty of them about 1 MB
//     (values that need overflow pages, up to the largest that the API server takes); over 100 KB it has one revision;
//   - one in 17 is deleted at the end (tombstones);
//   - the keyspace is compacted at a share of its revisions (free pages, keys whose history starts in the middle).
//
// The same flags give the same objects; only the order in which 64 writers arrive differs.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"strconv"
	"strings"
	"sync"

	clientv3 "go.etcd.io/etcd/client/v3"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer/protobuf"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes/scheme"
)

const (
	writers       = 64
	namespaces    = 200
	widgetEvery   = 50
	hugeEvery     = 1000
	deletionEvery = 17
)

// A pattern is one namespaced object of the small keyspace, and the parts of its key.
type pattern struct {
	path   []string
	object runtime.Object
}

func main() {
	endpoint := flag.String("endpoint", "http://127.0.0.1:2379", "the etcd to fill")
	source := flag.String("patterns", "", "the etcd to take the patterns from, if it is another")
	objects := flag.Int("objects", 180_000, "how many objects to make")
	revisions := flag.Int("revisions", 4, "how many revisions of each")
	compact := flag.Int("compact", 80, "compact at this percentage of the revisions; 0: do not")
	flag.Parse()

	client := connect(*endpoint)
	ctx := context.Background()
	if *objects > 0 {
		from := client
		if *source != "" {
			from = connect(*source)
		}
		fill(ctx, client, patterns(ctx, from), *objects, *revisions)
	}
	now, err := client.Get(ctx, "\x00", clientv3.WithFromKey(), clientv3.WithCountOnly())
	must(err)
	fmt.Printf("revision %d, %d live keys\n", now.Header.Revision, now.Count)
	if *compact > 0 {
		at := now.Header.Revision * int64(*compact) / 100
		_, err = client.Compact(ctx, at, clientv3.WithCompactPhysical())
		must(err)
		fmt.Printf("compacted at revision %d\n", at)
	}
}

func connect(endpoint string) *clientv3.Client {
	client, err := clientv3.New(clientv3.Config{Endpoints: []string{endpoint}})
	must(err)
	return client
}

// patterns reads every namespaced object that decodes as a built-in kind.
func patterns(ctx context.Context, client *clientv3.Client) []pattern {
	stored, err := client.Get(ctx, "/registry/", clientv3.WithPrefix())
	must(err)
	var found []pattern
	decoder := scheme.Codecs.UniversalDeserializer()
	for _, kv := range stored.Kvs {
		object, _, err := decoder.Decode(kv.Value, nil, nil)
		if err != nil {
			continue // a custom resource, or a kind that client-go does not have
		}
		if accessor, err := meta.Accessor(object); err == nil && accessor.GetNamespace() != "" {
			found = append(found, pattern{strings.Split(string(kv.Key), "/"), object})
		}
	}
	if len(found) == 0 {
		log.Fatal("no objects to take as patterns: restore fixtures/kube.db first")
	}
	return found
}

func fill(ctx context.Context, client *clientv3.Client, from []pattern, objects, revisions int) {
	numbers := make(chan int, 1000)
	var done sync.WaitGroup
	for range writers {
		done.Go(func() {
			encoder := protobuf.NewSerializer(scheme.Scheme, scheme.Scheme)
			for i := range numbers {
				var key string
				for revision := range revisions {
					var value []byte
					if i%widgetEvery == 0 {
						if key, value = widget(i, revision); revision > 0 && len(value) > 100_000 {
							break
						}
					} else {
						key, value = from[i%len(from)].variant(encoder, i, revision)
					}
					_, err := client.Put(ctx, key, string(value))
					must(err)
				}
				if i%deletionEvery == 0 {
					_, err := client.Delete(ctx, key)
					must(err)
				}
			}
		})
	}
	for i := range objects {
		numbers <- i
	}
	close(numbers)
	done.Wait()
}

// variant is the pattern as object i at one of its revisions.
func (p pattern) variant(encoder runtime.Encoder, i, revision int) (string, []byte) {
	object := p.object.DeepCopyObject()
	accessor, err := meta.Accessor(object)
	must(err)
	namespace, uid := place(i)
	name := fmt.Sprintf("%s-%06d", accessor.GetName(), i)
	accessor.SetName(name)
	accessor.SetNamespace(namespace)
	accessor.SetUID(uid)
	accessor.SetAnnotations(map[string]string{
		"load/revision": strconv.Itoa(revision),
		"load/note":     strings.Repeat("x", i%300),
	})
	var value bytes.Buffer
	must(encoder.Encode(object, &value))
	path := append([]string(nil), p.path...)
	path[len(path)-2], path[len(path)-1] = namespace, name
	return strings.Join(path, "/"), value.Bytes()
}

// widget is a custom resource as the API server stores it: JSON with sorted keys and a newline at the end.
func widget(i, revision int) (string, []byte) {
	size := 8_000 + i*7919%192_000
	if i%hugeEvery == 0 {
		size = 1_000_000
	}
	namespace, uid := place(i)
	name := fmt.Sprintf("widget-%06d", i)
	value, err := json.Marshal(map[string]any{
		"apiVersion": "acme.io/v1",
		"kind":       "Widget",
		"metadata": map[string]any{
			"name": name, "namespace": namespace, "uid": uid,
			"creationTimestamp": "2026-11-21T00:00:00Z", "generation": revision + 1,
		},
		"spec": map[string]any{
			"size": revision,
			"any":  map[string]any{"blob": strings.Repeat("0123456789abcdef", size/16)},
		},
	})
	must(err)
	return "/registry/acme.io/widgets/" + namespace + "/" + name, append(value, '\n')
}

func place(i int) (namespace string, uid types.UID) {
	return fmt.Sprintf("ns-%03d", i/7%namespaces), types.UID(fmt.Sprintf("00000000-0000-4000-8000-%012d", i))
}

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
