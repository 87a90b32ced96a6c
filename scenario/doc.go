// Package scenario runs written schedules: Starlark programs that build a machine, make things happen
// on it and state what must be true. docs/scenarios.md describes the language.
//
// After every operation the machine settles and all rules of package invariant are checked.
package scenario
