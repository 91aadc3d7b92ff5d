package main

import (
	"cmp"
	"fmt"
	"log"
	"maps"
	"math/bits"
	"slices"
	"strconv"
	"strings"
)

// release is what one version of the modules holds.
type release struct {
	version  string
	minor    int
	messages map[string]*message
	named    map[string]string // types that are no structs: strings, maps, aliases
	kinds    []*kind
}

// table is the union of all releases, which are added to it newest first.
type table struct {
	messages map[string]*history
	kinds    map[string]*kind
	merged   map[string]bool // "minor from into", so that recursive messages end
}

// history is a message through all releases that have it.
type history struct {
	name   string
	in     minors
	fields map[int][]*variant // by number, the newest variant first
}

// variant is a field as some releases have it.
type variant struct {
	field
	in      minors
	renamed bool // its type had another name
}

// minors is a set of minor versions, a bit each.
type minors uint64

func (m minors) first() int { return bits.TrailingZeros64(uint64(m)) }
func (m minors) last() int  { return 63 - bits.LeadingZeros64(uint64(m)) }

// message is one Go struct, named like "core/v1.Pod".
type message struct {
	name   string
	fields []field
}

// field is one field of the protobuf message, with what its struct tags say.
type field struct {
	number int
	name   string // in JSON; empty when inlined
	kind   string // see types.go
	// pointer, omitempty, omitzero as in Go
	pointer, omitempty, omitzero bool
}

func (f field) flags() string {
	s := ""
	if f.omitzero || f.omitempty && (f.pointer || f.canBeEmpty()) {
		s += "?"
	}
	if f.pointer {
		s += "*"
	}
	if s != "" {
		s = " " + s
	}
	return s
}

// canBeEmpty says whether omitempty has a meaning: encoding/json never calls a struct empty.
func (f field) canBeEmpty() bool {
	switch f.kind {
	case "string", "strings", "bytes", "bool", "int32", "int64", "double":
		return true
	}
	return strings.HasPrefix(f.kind, "[]") || strings.HasPrefix(f.kind, "{}")
}

// ref is the message a field's kind refers to, or "".
func (f field) ref() string {
	k := strings.TrimPrefix(strings.TrimPrefix(f.kind, "[]"), "{}")
	if _, after, ok := strings.Cut(k, ":"); ok {
		k = after
	}
	if strings.Contains(k, ".") {
		return k
	}
	return ""
}

// kind is one root: a struct with TypeMeta and metadata.
type kind struct {
	group, version, name, message, plural, scope string
}

func (k *kind) apiVersion() string {
	if k.group == "" {
		return k.version
	}
	return k.group + "/" + k.version
}

func (k *kind) compare(o *kind) int {
	return cmp.Or(cmp.Compare(k.group, o.group), cmp.Compare(k.version, o.version), cmp.Compare(k.name, o.name))
}

// add takes what a package has.
func (r *release) add(p *pkg) {
	for _, m := range p.messages {
		r.messages[m.name] = m
	}
	maps.Copy(r.named, p.named)
	r.kinds = append(r.kinds, p.kinds...)
}

// resolve replaces the named types of other packages by what they stand for.
func (r *release) resolve() {
	for _, m := range r.messages {
		for i := range m.fields {
			f := &m.fields[i]
			for ref := f.ref(); ref != "" && r.named[ref] != "" && r.named[ref] != ref; ref = f.ref() {
				f.kind = strings.TrimSuffix(f.kind, ref) + r.named[ref]
			}
		}
	}
}

// add takes what a release has and the newer ones have not.
func (t *table) add(r *release) {
	for _, name := range slices.Sorted(maps.Keys(r.messages)) {
		t.merge(r, r.messages[name], name)
	}
	for _, k := range r.kinds {
		id := k.apiVersion() + " " + k.name
		if have := t.kinds[id]; have == nil {
			t.kinds[id] = k
		} else if *have != *k {
			log.Fatalf("%s: %v is %v since", r.version, *k, *have)
		}
	}
}

// merge adds a release's message to the one of the name `into`.
func (t *table) merge(r *release, m *message, into string) {
	id := fmt.Sprint(r.version, m.name, " ", into)
	if t.merged[id] {
		return
	}
	t.merged[id] = true
	h := t.messages[into]
	if h == nil {
		h = &history{name: into, fields: map[int][]*variant{}}
		t.messages[into] = h
	}
	h.in |= 1 << r.minor
	for _, f := range m.fields {
		t.mergeField(r, h, f)
	}
}

// mergeField adds a field to a message. One number with two names or types is a conflict, which a table of releases
// alone cannot decide: a stored value does not say which release wrote it. There has been none but that the type got
// another name or split off from a shared one; then the older type's fields are added to the newer type.
func (t *table) mergeField(r *release, h *history, f field) {
	variants := h.fields[f.number]
	if len(variants) == 0 {
		h.fields[f.number] = []*variant{{field: f, in: 1 << r.minor}}
		return
	}
	newer := variants[len(variants)-1]
	if from, into := f.ref(), newer.ref(); from != into && from != "" && into != "" {
		if !newer.renamed {
			log.Printf("%s: %s field %d %s is a %s, and a %s since", r.version, h.name, f.number, f.name, from, into)
		}
		newer.renamed = true
		t.merge(r, r.messages[from], into)
		f.kind = strings.TrimSuffix(f.kind, from) + into
	}
	switch {
	case f.name != newer.name || f.kind != newer.kind:
		log.Fatalf("%s: %s field %d is %s %s, and %s %s since", r.version, h.name, f.number, f.name, f.kind, newer.name, newer.kind)
	case f.flags() == newer.flags():
		newer.in |= 1 << r.minor
	case newer.in&(1<<r.minor) == 0: // else two releases of one minor version: the newer one counts
		log.Printf("%s: %s field %d %s is%s, and%s since", r.version, h.name, f.number, f.name, orNone(f.flags()), orNone(newer.flags()))
		h.fields[f.number] = append(variants, &variant{field: f, in: 1 << r.minor})
	}
}

func orNone(flags string) string {
	return cmp.Or(flags, " always printed")
}

// suffix is a field's flags, and the minor versions that have it so, where these decide what is printed: a field that is
// printed even if it is empty, or one with several forms.
func (h *history) suffix(v *variant) string {
	flags := v.flags()
	if v.in == h.in || strings.Contains(flags, "?") && len(h.fields[v.number]) == 1 {
		return flags
	}
	inside := (minors(2)<<v.in.last() - 1) &^ (minors(1)<<v.in.first() - 1)
	if h.in&inside != v.in {
		log.Fatalf("%s field %d %s came twice", h.name, v.number, v.name)
	}
	since, until := "", ""
	if v.in.first() != h.in.first() {
		since = strconv.Itoa(v.in.first())
	}
	if v.in.last() != h.in.last() {
		until = strconv.Itoa(v.in.last())
	}
	return cmp.Or(flags, " -") + " " + since + "-" + until
}
