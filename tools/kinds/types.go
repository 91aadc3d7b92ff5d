package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"log"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strconv"
	"strings"
)

// pkg is one API package, such as k8s.io/api/core/v1.
type pkg struct {
	path, short string
	types       map[string]*ast.TypeSpec
	comments    map[string]string
	imports     map[string]map[string]string // by file and local name
	fileOf      map[string]string
	wrapped     map[string]bool // named slices that are messages in protobuf
	group       string
	named       map[string]string // what is no struct, by full name
	messages    []*message
	kinds       []*kind
}

// specials are the types with a MarshalJSON of their own, or of a shape that only code can know.
var specials = map[string]string{
	"meta/v1.Time": "time", "meta/v1.MicroTime": "microtime", "meta/v1.Duration": "duration",
	"meta/v1.FieldsV1": "raw", "runtime.RawExtension": "raw", "resource.Quantity": "quantity",
	"intstr.IntOrString": "intorstring", "meta/v1.Verbs": "strings",
	"apiextensions/v1.JSON": "raw", "apiextensions/v1beta1.JSON": "raw",
}

var basics = map[string]string{
	"string": "string", "bool": "bool", "int32": "int32", "int64": "int64", "int": "int64",
	"float64":   "double",
	"types.UID": "string", "types.NodeName": "string",
}

var groupName = regexp.MustCompile(`const GroupName = "(.*)"`)
var wrapper = regexp.MustCompile(`(?m)^func \(m (\w+)\) Marshal\(\)`)
var marshals = regexp.MustCompile(`(?m)^func \(\w* ?\*?(\w+)\) MarshalJSON\(\)`)

// short names a package in the table: k8s.io/api/core/v1 is core/v1.
func short(path string) string {
	for _, prefix := range []string{"k8s.io/api/", "k8s.io/apimachinery/pkg/apis/", "k8s.io/apiextensions-apiserver/pkg/apis/", "k8s.io/kube-aggregator/pkg/apis/"} {
		if rest, ok := strings.CutPrefix(path, prefix); ok {
			return rest
		}
	}
	return filepath.Base(path)
}

func readPackage(path, dir string) *pkg {
	p := &pkg{path: path, short: short(path), types: map[string]*ast.TypeSpec{}, comments: map[string]string{},
		imports: map[string]map[string]string{}, fileOf: map[string]string{}, wrapped: map[string]bool{}, named: map[string]string{}}
	files, _ := filepath.Glob(dir + "/*.go")
	fset := token.NewFileSet()
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			log.Fatal(err)
		}
		base := filepath.Base(file)
		switch {
		case base == "generated.pb.go":
			for _, m := range wrapper.FindAllSubmatch(text, -1) {
				p.wrapped[string(m[1])] = true
			}
			continue
		case strings.HasSuffix(base, "_test.go"), strings.Contains(base, "generated"), base == "doc.go", base == "fieldsv1_string.go":
			continue
		}
		if m := groupName.FindSubmatch(text); m != nil {
			p.group = string(m[1])
		}
		for _, m := range marshals.FindAllSubmatch(text, -1) {
			if id := p.short + "." + string(m[1]); specials[id] == "" && !strings.Contains(id, "JSONSchemaPropsOr") && id != "meta/v1.GroupVersion" {
				log.Fatalf("%s: %s writes its own JSON, which nobody has looked at", file, id)
			}
		}
		parsed, err := parser.ParseFile(fset, file, text, parser.ParseComments)
		if err != nil {
			log.Fatal(err)
		}
		p.collect(base, parsed)
	}
	p.build()
	return p
}

// collect notes the types of a file, with the comments before them: "+genclient" may stand one blank line above.
func (p *pkg) collect(file string, f *ast.File) {
	p.imports[file] = map[string]string{}
	for _, i := range f.Imports {
		path, _ := strconv.Unquote(i.Path.Value)
		name := filepath.Base(path)
		if i.Name != nil {
			name = i.Name.Name
		}
		p.imports[file][name] = path
	}
	last := token.NoPos
	for _, d := range f.Decls {
		g, ok := d.(*ast.GenDecl)
		if ok && g.Tok == token.TYPE {
			comment := ""
			for _, c := range f.Comments {
				if c.Pos() > last && c.End() <= g.TokPos {
					comment += commentLines(c)
				}
			}
			for _, s := range g.Specs {
				spec := s.(*ast.TypeSpec)
				p.types[spec.Name.Name] = spec
				p.comments[spec.Name.Name] = comment
				p.fileOf[spec.Name.Name] = file
			}
		}
		last = d.End()
	}
}

func commentLines(c *ast.CommentGroup) string {
	s := ""
	for _, l := range c.List {
		s += strings.TrimSpace(strings.TrimPrefix(l.Text, "//")) + "\n"
	}
	return s
}

func (p *pkg) build() {
	for name, spec := range p.types {
		st, ok := spec.Type.(*ast.StructType)
		if _, iface := spec.Type.(*ast.InterfaceType); !ok && !iface {
			p.named[p.short+"."+name] = p.typeOf(name, spec.Type)
		}
		if !ok || specials[p.short+"."+name] != "" || strings.HasPrefix(name, "JSONSchemaPropsOr") {
			continue
		}
		m := &message{name: p.short + "." + name}
		hasType, hasMeta := false, false
		for _, f := range st.Fields.List {
			tag := ""
			if f.Tag != nil {
				tag, _ = strconv.Unquote(f.Tag.Value)
			}
			if id := p.ident(name, f.Type); len(f.Names) == 0 && id == "meta/v1.TypeMeta" {
				hasType = true
				continue
			} else if id == "meta/v1.ObjectMeta" {
				hasMeta = hasMeta || reflect.StructTag(tag).Get("json") != ""
			}
			if fd, ok := p.field(name, f, reflect.StructTag(tag)); ok {
				m.fields = append(m.fields, fd)
			}
		}
		p.messages = append(p.messages, m)
		if hasType && (hasMeta || strings.HasSuffix(name, "Review")) {
			p.kinds = append(p.kinds, p.kind(name, m))
		}
	}
}

func (p *pkg) kind(name string, m *message) *kind {
	k := &kind{group: p.group, version: filepath.Base(p.path), name: name, message: m.name, scope: "-"}
	c := p.comments[name]
	if !strings.Contains(c, "+genclient\n") && name != "RangeAllocation" || strings.Contains(c, "+genclient:onlyVerbs=create\n") ||
		strings.Contains(c, "+genclient:noVerbs\n") {
		return k
	}
	k.plural, k.scope = plural(name), "namespaced"
	if strings.Contains(c, "+genclient:nonNamespaced") {
		k.scope = "cluster"
	}
	if _, after, ok := strings.Cut(c, "+resourceName="); ok {
		k.plural, _, _ = strings.Cut(after, "\n")
	}
	if name == "RangeAllocation" {
		k.plural, k.scope = "", "-"
	}
	return k
}

// plural follows the rules of k8s.io/gengo's plural namer.
func plural(kind string) string {
	s := strings.ToLower(kind)
	switch {
	case s == "endpoints":
		return s
	case strings.HasSuffix(s, "s"), strings.HasSuffix(s, "x"), strings.HasSuffix(s, "ch"), strings.HasSuffix(s, "sh"):
		return s + "es"
	case strings.HasSuffix(s, "y") && !strings.ContainsAny(s[len(s)-2:len(s)-1], "aeiou"):
		return s[:len(s)-1] + "ies"
	}
	return s + "s"
}

func (p *pkg) field(owner string, f *ast.Field, tag reflect.StructTag) (field, bool) {
	pb := strings.Split(tag.Get("protobuf"), ",")
	if len(pb) < 3 {
		return field{}, false
	}
	number, err := strconv.Atoi(pb[1])
	if err != nil {
		log.Fatalf("%s.%s: %v", p.short, owner, err)
	}
	parts := strings.Split(tag.Get("json"), ",")
	fd := field{number: number, name: parts[0]}
	for _, o := range parts[1:] {
		fd.omitempty = fd.omitempty || o == "omitempty"
		fd.omitzero = fd.omitzero || o == "omitzero"
	}
	if fd.name == "" && len(f.Names) > 0 {
		fd.name = f.Names[0].Name
	}
	t := f.Type
	if s, ok := t.(*ast.StarExpr); ok {
		fd.pointer, t = true, s.X
	}
	fd.kind = p.typeOf(owner, t)
	return fd, true
}

// ident names a type outside or inside of this package, or answers "".
func (p *pkg) ident(owner string, t ast.Expr) string {
	switch t := t.(type) {
	case *ast.Ident:
		if basics[t.Name] != "" || t.Name == "byte" {
			return t.Name
		}
		return p.short + "." + t.Name
	case *ast.SelectorExpr:
		path := p.imports[p.fileOf[owner]][t.X.(*ast.Ident).Name]
		return short(path) + "." + t.Sel.Name
	}
	return ""
}

// typeOf gives the table's name of a type: a basic or special kind, a message, "[]" or "{}" of one of these.
func (p *pkg) typeOf(owner string, t ast.Expr) string {
	switch t := t.(type) {
	case *ast.ArrayType:
		if id, ok := t.Elt.(*ast.Ident); ok && id.Name == "byte" {
			return "bytes"
		}
		if s, ok := t.Elt.(*ast.StarExpr); ok {
			return "[]" + p.typeOf(owner, s.X)
		}
		return "[]" + p.typeOf(owner, t.Elt)
	case *ast.MapType:
		return "{}" + p.typeOf(owner, t.Value)
	}
	id := p.ident(owner, t)
	if b := basics[id]; b != "" {
		return b
	}
	if s := specials[id]; s != "" {
		return s
	}
	folder, name, _ := strings.Cut(id, ".")
	if folder != p.short {
		return id // of another package, which may not have been read yet: see table.resolve
	}
	spec := p.types[name]
	if spec == nil {
		log.Fatalf("%s.%s: no type %s", p.short, owner, id)
	}
	if kind, ok := strings.CutPrefix(name, "JSONSchemaPropsOr"); ok {
		return "or" + strings.ToLower(kind) + ":" + p.short + ".JSONSchemaProps"
	}
	if _, ok := spec.Type.(*ast.StructType); ok {
		return id
	}
	if p.wrapped[name] {
		if under := p.typeOf(name, spec.Type); under != "[]string" {
			log.Fatalf("%s wraps %s", id, under)
		}
		return "strings"
	}
	return p.typeOf(name, spec.Type)
}
