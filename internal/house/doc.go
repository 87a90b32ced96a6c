// Package house holds the rules of the project's own house: who may import whom, and what the
// deterministic core may use. They are tests; see ARCHITECTURE.md for the picture.
package house
