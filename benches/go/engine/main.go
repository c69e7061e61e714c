// The engine's part in a measurement: drives a provider's process over gRPC, as Pulumi does, and says what it cost.
//
//	engine start PROVIDER...             starts each, in turn
//	engine VERB PROVIDER PROGRAM STATE   create, update, refresh or delete all of a program's resources;
//	                                     unchanged: as update, but nothing may differ
//
// The answer is JSON on stdout: seconds, CPU of the provider's process, its resident memory.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
)

func main() {
	if err := run(context.Background(), os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "engine:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	if len(args) > 1 && args[0] == "start" {
		var all []*cost
		for _, path := range args[1:] {
			p, err := start(ctx, path)
			if err != nil {
				return err
			}
			all = append(all, p.end())
		}
		return json.NewEncoder(os.Stdout).Encode(all)
	}
	if len(args) != 4 {
		return errors.New("engine start PROVIDER..., or engine VERB PROVIDER PROGRAM STATE")
	}
	verb, path, program, state := args[0], args[1], args[2], args[3]
	stack, err := load(program, state)
	if err != nil {
		return err
	}
	verbs := map[string]func(context.Context, *process) error{
		"create": stack.create, "update": stack.update, "unchanged": stack.unchanged,
		"refresh": stack.refresh, "delete": stack.delete,
	}
	act, known := verbs[verb]
	if !known {
		return fmt.Errorf("%s is not a verb", verb)
	}
	p, err := start(ctx, path)
	if err != nil {
		return err
	}
	err = act(ctx, p)
	cost := p.end()
	if err != nil {
		return fmt.Errorf("%s: %w", verb, err)
	}
	cost.Resources = len(stack.Resources)
	if err := stack.save(state); err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(cost)
}
