package main

import (
	"log"
	"strings"
)

// table is the union over all releases.
type table struct {
	messages map[string]*message
	kinds    map[string]*kind
	named    map[string]string // types that are no structs: strings, maps, aliases
}

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

func (k *kind) less(o *kind) bool {
	if k.group != o.group {
		return k.group < o.group
	}
	if k.version != o.version {
		return k.version < o.version
	}
	return k.name < o.name
}

// add takes from a package what the table does not have yet. A field number that two releases give to two
// different names would make a union impossible, so that is reported.
func (t *table) add(module string, p *pkg) {
	for _, m := range p.messages {
		have := t.messages[m.name]
		if have == nil {
			t.messages[m.name] = m
			continue
		}
		for _, f := range m.fields {
			t.addField(module, have, f)
		}
	}
	for id, kind := range p.named {
		if t.named[id] == "" && kind != id {
			t.named[id] = kind
		}
	}
	for _, k := range p.kinds {
		id := k.apiVersion() + " " + k.name
		if t.kinds[id] == nil {
			t.kinds[id] = k
		}
	}
}

func (t *table) addField(module string, have *message, f field) {
	for _, h := range have.fields {
		if h.number != f.number {
			continue
		}
		if h.name != f.name || h.kind != f.kind {
			log.Printf("%s: %s field %d was %s %s, is %s %s", module, have.name, f.number, f.name, f.kind, h.name, h.kind)
		}
		return
	}
	log.Printf("%s: %s field %d %s %s is gone since", module, have.name, f.number, f.name, f.kind)
	f.omitempty, f.pointer = true, f.pointer || !f.canBeEmpty()
	have.fields = append(have.fields, f)
}

// resolve replaces the named types of other packages by what they stand for.
func (t *table) resolve() {
	for _, m := range t.messages {
		for i := range m.fields {
			f := &m.fields[i]
			for ref := f.ref(); ref != "" && t.named[ref] != ""; ref = f.ref() {
				f.kind = strings.TrimSuffix(f.kind, ref) + t.named[ref]
			}
		}
	}
}
