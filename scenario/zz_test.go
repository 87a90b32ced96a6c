package scenario

import ("testing";"os")
func TestZZ(t *testing.T) {
	src, _ := os.ReadFile(os.Getenv("STAR"))
	r, err := Run("t.star", src, Options{})
	for _, l := range r.Lines { t.Log(l) }
	t.Logf("ops %d exps %d switches %d\n%v", r.Operations,r.Expectations, r.Switches, err)
}
