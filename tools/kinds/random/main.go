// Command random writes random objects of every kind, as stored and as printed by Go itself, for tests/it/k8s.rs:
//
//	go run . ROUNDS > $ETCDSNAP_PEERS/k8s-random.bin; cargo test --test it k8s::
//
// A record is three texts, each after its length in 32 bits, little-endian: the stored protobuf, JSON with sorted
// keys, YAML. Strings are nasty on purpose.
package main

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"log"
	"math/rand"
	"os"
	"reflect"
	"sort"
	"strconv"
	"time"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apiextensionsv1beta1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1beta1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer/protobuf"
	"k8s.io/apimachinery/pkg/util/intstr"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	"k8s.io/client-go/kubernetes/scheme"
	apiregistrationv1 "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"
	"sigs.k8s.io/randfill"
	"sigs.k8s.io/yaml"
)

var words = []string{"", "a", "web-1", "y", "No", "on", "~", "null", "<<", "=", "1", "-1", "0x1F", "0777", "089", "1e3", "1_0",
	"1:30", "12:30:45", "2001-01-01", "2001-1-1 1:2:3", "2001-01-01T00:00:00Z", ".5", ".inf", "-.inf", "+1", "0b11", "0o17",
	"<&>", "\u2028x", "a\u2029", "é", "😀 x", "tab\tx", "\ttab", "\x01", "a\nb", "a\nb\n", "a\n\n", "\n", "\na", " a\nb", "a \nb", "a\n b",
	"a: b", "a:b", "a #b", "#a", "- a", "-a", "? a", "*a", "&a", "!a", "%a", "@a", "`a", "'a", "\"a", "a'b", "a\"b", "{a", "[a]", "a,b",
	" a", "a ", "a  b", "---", "--- a", "...", ":", "a:", "?", "-", "\\", "\\n", "\ufeff", "\ufffd", "\u00a0", "\u0085", "\r\n", "a\rb",
	"10.0.0.1", "100m", "1.5Gi", "0.10", "1.", "1e999", "true", "False", "nan", "inf", "a very long line of text that has to be folded because it is longer than eighty columns wide, and on it goes",
	"'a very long quoted  line of text that has to be folded because it is longer than eighty columns wide: and on it goes ", "a\tvery long escaped line of text that has to be folded because it is longer than eighty  columns wide and on it goes"}

func word(r *rand.Rand) string {
	w := words[r.Intn(len(words))]
	for r.Intn(4) == 0 {
		w += words[r.Intn(len(words))]
	}
	return w
}

// clean leaves out what kubectl's own YAML loses: U+0085, and controls that its reader refuses.
func clean(w string) string {
	out := []rune{}
	for _, c := range w {
		if c != 0x85 && c != 0xfeff {
			out = append(out, c)
		}
	}
	return string(out)
}

func rawJSON(r *rand.Rand) []byte {
	b, _ := json.Marshal(map[string]any{clean(word(r)): clean(word(r)), "n": r.Int63n(1000), "f": []any{1.5, 1e21, 1e-7, true, nil}})
	return b
}

func filler(seed int64, nilChance float64) *randfill.Filler {
	f := randfill.NewWithSeed(seed).NilChance(nilChance).NumElements(0, 3).MaxDepth(12)
	r := rand.New(rand.NewSource(seed))
	return f.Funcs(
		func(s *string, c randfill.Continue) { *s = clean(word(r)) },
		func(t *metav1.TypeMeta, c randfill.Continue) {},
		func(t *metav1.Time, c randfill.Continue) {
			if r.Intn(4) > 0 {
				t.Time = time.Unix(r.Int63n(4e9), 0)
			}
		},
		func(t *metav1.MicroTime, c randfill.Continue) {
			if r.Intn(4) > 0 {
				t.Time = time.Unix(r.Int63n(4e9), r.Int63n(1e9))
			}
		},
		func(d *metav1.Duration, c randfill.Continue) {
			d.Duration = time.Duration(r.Int63() >> uint(r.Intn(63)))
		},
		func(f *float64, c randfill.Continue) {
			*f = []float64{0, 1, -1.5, 1e20, 1e21, 1e-6, 1.5e-7, 123456789.25, 1e-5}[r.Intn(9)]
		},
		func(n *int64, c randfill.Continue) { *n = (r.Int63() - r.Int63()) >> uint(r.Intn(63)) },
		func(n *int32, c randfill.Continue) { *n = int32(r.Uint32()) >> uint(r.Intn(31)) },
		func(q *resource.Quantity, c randfill.Continue) {
			if r.Intn(4) > 0 {
				*q = resource.MustParse([]string{"1", "1500m", "2Gi", "0.5", "1e3", "10k", "-1"}[r.Intn(7)])
			}
		},
		func(i *intstr.IntOrString, c randfill.Continue) {
			if r.Intn(2) == 0 {
				*i = intstr.FromInt32(r.Int31n(1000))
			} else {
				*i = intstr.FromString(clean(word(r)))
			}
		},
		func(e *runtime.RawExtension, c randfill.Continue) { e.Raw = rawJSON(r) },
		func(e *metav1.FieldsV1, c randfill.Continue) { e.Raw = rawJSON(r) },
		func(e *apiextensionsv1.JSON, c randfill.Continue) { e.Raw = rawJSON(r) },
		func(e *apiextensionsv1beta1.JSON, c randfill.Continue) { e.Raw = rawJSON(r) },
	)
}

func main() {
	log.SetFlags(0)
	rounds, err := strconv.Atoi(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	s := scheme.Scheme
	for _, add := range []func(*runtime.Scheme) error{apiextensionsv1.AddToScheme, apiextensionsv1beta1.AddToScheme, apiregistrationv1.AddToScheme} {
		if err := add(s); err != nil {
			log.Fatal(err)
		}
	}
	pb := protobuf.NewSerializer(s, s)
	var kinds []schema.GroupVersionKind
	for gvk, t := range s.AllKnownTypes() {
		_, hasMeta := reflect.New(t).Interface().(metav1.ObjectMetaAccessor)
		if gvk.Version != runtime.APIVersionInternal && hasMeta {
			kinds = append(kinds, gvk)
		}
	}
	sort.Slice(kinds, func(i, j int) bool { return kinds[i].String() < kinds[j].String() })
	w := bufio.NewWriter(os.Stdout)
	defer w.Flush()
	written := 0
	for round := range rounds {
		for i, gvk := range kinds {
			obj, err := s.New(gvk)
			if err != nil {
				log.Fatal(err)
			}
			filler(int64(round*10000+i), []float64{0.2, 0.5, 0.8}[round%3]).Fill(obj)
			obj.GetObjectKind().SetGroupVersionKind(gvk)
			if record(w, pb, obj, gvk) {
				written++
			}
		}
	}
	log.Printf("%d objects of %d kinds", written, len(kinds))
}

func record(w *bufio.Writer, pb *protobuf.Serializer, obj runtime.Object, gvk schema.GroupVersionKind) bool {
	var stored bytes.Buffer
	if err := pb.Encode(obj, &stored); err != nil {
		return false // a kind without protobuf
	}
	back, _, err := pb.Decode(stored.Bytes(), nil, nil)
	if err != nil {
		log.Fatalf("%s: %v", gvk, err)
	}
	back.GetObjectKind().SetGroupVersionKind(gvk)
	text, err := json.Marshal(back)
	if err != nil {
		log.Fatalf("%s: %v", gvk, err)
	}
	// as kubectl: decoded into maps, and printed from these
	tree := map[string]any{}
	if err := utiljson.Unmarshal(text, &tree); err != nil {
		log.Fatalf("%s: %v", gvk, err)
	}
	sorted, err := json.Marshal(tree)
	if err != nil {
		log.Fatal(err)
	}
	lines, err := yaml.Marshal(tree)
	if err != nil {
		lines = []byte(fmt.Sprintf("error: %v", err))
	}
	for _, part := range [][]byte{stored.Bytes(), sorted, lines} {
		binary.Write(w, binary.LittleEndian, uint32(len(part)))
		w.Write(part)
	}
	return true
}
