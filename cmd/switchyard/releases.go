package main

import (
	"github.com/spf13/cobra"

	"switchyard/kernel"
	"switchyard/report"
)

func newReleasesCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "releases",
		Short: "Say which kernel releases are modelled and what changed when",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			notes := kernel.ReleaseNotes()
			if asJSON {
				return printJSON(cmd.OutOrStdout(), report.NewReleasesJSON(notes))
			}
			return report.WriteReleases(cmd.OutOrStdout(), notes)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}
