// Prints, as JSON, what the source of packages declares: functions with parameters and results in source order, types
// spelled as the compiler spells them in debug data. It is the independent truth about signatures: only go/types and this
// file decide.
//
//	declarations FOLDER-OF-MAIN PATH...
package main

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/build"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"log"
	"os"
	"path/filepath"
	"strings"
)

type variable struct {
	Name string `json:"name"`
	Type string `json:"type"`
}

type function struct {
	Name        string     `json:"name"`
	File        string     `json:"file"`
	Line        int        `json:"line"`
	Generic     bool       `json:"generic"`
	HasReceiver bool       `json:"hasReceiver"`
	Parameters  []variable `json:"parameters"`
	Results     []variable `json:"results"`
}

func main() {
	files := token.NewFileSet()
	imports := importer.ForCompiler(files, "source", nil)
	functions := []function{}
	collect := func(path string, folder *build.Package) {
		functions = append(functions, declared(files, imports, path, folder)...)
	}
	folder, err := build.ImportDir(os.Args[1], 0)
	if err != nil {
		log.Fatal(err)
	}
	collect("main", folder)
	for _, path := range os.Args[2:] {
		folder, err := build.Import(path, "", 0)
		if err != nil {
			log.Fatal(err)
		}
		collect(path, folder)
	}
	if err := json.NewEncoder(os.Stdout).Encode(functions); err != nil {
		log.Fatal(err)
	}
}

func declared(files *token.FileSet, imports types.Importer, path string, folder *build.Package) (found []function) {
	var syntax []*ast.File
	for _, name := range folder.GoFiles {
		file, err := parser.ParseFile(files, filepath.Join(folder.Dir, name), nil, parser.SkipObjectResolution)
		if err != nil {
			log.Fatal(err)
		}
		syntax = append(syntax, file)
	}
	info := &types.Info{Defs: map[*ast.Ident]types.Object{}}
	config := types.Config{Importer: imports, Sizes: types.SizesFor("gc", "amd64"), Error: func(error) {}}
	config.Check(path, files, syntax, info)
	for _, file := range syntax {
		for _, declaration := range file.Decls {
			node, isFunction := declaration.(*ast.FuncDecl)
			if !isFunction || node.Body == nil || node.Name.Name == "_" || node.Recv == nil && node.Name.Name == "init" {
				continue
			}
			object, known := info.Defs[node.Name].(*types.Func)
			if !known {
				continue
			}
			signature := object.Type().(*types.Signature)
			position := files.Position(node.Name.Pos())
			one := function{Name: path + "." + node.Name.Name, File: position.Filename, Line: position.Line}
			one.Parameters, one.Results = []variable{}, []variable{}
			one.Generic = signature.TypeParams().Len() > 0 || signature.RecvTypeParams().Len() > 0
			if receiver := signature.Recv(); receiver != nil {
				one.HasReceiver = true
				one.Parameters = append(one.Parameters, describe(receiver))
				if pointer, isPointer := receiver.Type().(*types.Pointer); isPointer {
					one.Name = fmt.Sprintf("%s.(*%s).%s", path, baseName(pointer.Elem()), node.Name.Name)
				} else {
					one.Name = fmt.Sprintf("%s.%s.%s", path, baseName(receiver.Type()), node.Name.Name)
				}
			}
			for i := 0; i < signature.Params().Len(); i++ {
				one.Parameters = append(one.Parameters, describe(signature.Params().At(i)))
			}
			for i := 0; i < signature.Results().Len(); i++ {
				one.Results = append(one.Results, describe(signature.Results().At(i)))
			}
			found = append(found, one)
		}
	}
	return found
}

func baseName(t types.Type) string { return t.(*types.Named).Obj().Name() }

func describe(v *types.Var) variable {
	name := v.Name()
	if name == "_" {
		name = ""
	}
	return variable{name, spell(v.Type())}
}

func list(tuple *types.Tuple, variadic bool) string {
	var parts []string
	for i := 0; i < tuple.Len(); i++ {
		text := spell(tuple.At(i).Type())
		if variadic && i == tuple.Len()-1 {
			text = "..." + strings.TrimPrefix(text, "[]")
		}
		parts = append(parts, text)
	}
	return strings.Join(parts, ", ")
}

func call(s *types.Signature) string {
	text := "(" + list(s.Params(), s.Variadic()) + ")"
	switch s.Results().Len() {
	case 0:
		return text
	case 1:
		return text + " " + list(s.Results(), false)
	default:
		return text + " (" + list(s.Results(), false) + ")"
	}
}

// spell writes a type as the compiler does in debug data.
func spell(t types.Type) string {
	switch t := unalias(t).(type) {
	case *types.Basic:
		switch t.Kind() {
		case types.Uint8:
			return "uint8"
		case types.Int32:
			return "int32"
		case types.UnsafePointer:
			return "unsafe.Pointer"
		}
		return t.Name()
	case *types.Named:
		name := t.Obj().Name()
		if t.Obj().Pkg() != nil {
			name = t.Obj().Pkg().Path() + "." + name
		}
		if arguments := t.TypeArgs(); arguments.Len() > 0 {
			var parts []string
			for i := 0; i < arguments.Len(); i++ {
				parts = append(parts, spell(arguments.At(i)))
			}
			name += "[" + strings.Join(parts, ",") + "]"
		}
		return name
	case *types.Pointer:
		return "*" + spell(t.Elem())
	case *types.Slice:
		return "[]" + spell(t.Elem())
	case *types.Array:
		return fmt.Sprintf("[%d]%s", t.Len(), spell(t.Elem()))
	case *types.Map:
		return fmt.Sprintf("map[%s]%s", spell(t.Key()), spell(t.Elem()))
	case *types.Chan:
		switch t.Dir() {
		case types.SendOnly:
			return "chan<- " + spell(t.Elem())
		case types.RecvOnly:
			return "<-chan " + spell(t.Elem())
		}
		return "chan " + spell(t.Elem())
	case *types.Signature:
		return "func" + call(t)
	case *types.Struct:
		if t.NumFields() == 0 {
			return "struct {}"
		}
		var parts []string
		for i := 0; i < t.NumFields(); i++ {
			field := t.Field(i)
			text := spell(field.Type())
			if !field.Embedded() {
				name := field.Name()
				if !field.Exported() {
					name = field.Pkg().Path() + "." + name
				}
				text = name + " " + text
			}
			if tag := t.Tag(i); tag != "" {
				text += fmt.Sprintf(" %q", tag)
			}
			parts = append(parts, text)
		}
		return "struct { " + strings.Join(parts, "; ") + " }"
	case *types.Interface:
		if t.NumMethods() == 0 {
			return "interface {}"
		}
		var parts []string
		for i := 0; i < t.NumMethods(); i++ {
			method := t.Method(i)
			name := method.Name()
			if !method.Exported() {
				name = method.Pkg().Path() + "." + name
			}
			parts = append(parts, name+call(method.Type().(*types.Signature)))
		}
		return "interface { " + strings.Join(parts, "; ") + " }"
	default:
		return t.String()
	}
}
