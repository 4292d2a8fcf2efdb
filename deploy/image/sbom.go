package main

import (
	"debug/buildinfo"
	"fmt"
	"os"

	cdx "github.com/CycloneDX/cyclonedx-go"
)

// writeSBOM lists what the image is made of: the packages of Debian and, as the daemon itself knows, its Go modules.
func (b build) writeSBOM(path string) error {
	info, err := buildinfo.ReadFile(b.daemon)
	if err != nil {
		return fmt.Errorf("read the modules of %s: %w", b.daemon, err)
	}
	var all []cdx.Component
	for _, p := range b.packages {
		all = append(all, cdx.Component{
			Type: cdx.ComponentTypeLibrary, Name: p.name, Version: p.version,
			PackageURL: fmt.Sprintf("pkg:deb/debian/%s@%s?arch=%s", p.name, p.version, p.arch),
			Hashes:     &[]cdx.Hash{{Algorithm: cdx.HashAlgoSHA256, Value: p.sha256}},
		})
	}
	all = append(all, module("std", info.GoVersion))
	for _, m := range info.Deps {
		if m.Replace != nil {
			m = m.Replace
		}
		all = append(all, module(m.Path, m.Version))
	}
	bom := cdx.NewBOM()
	bom.Metadata = &cdx.Metadata{Component: &cdx.Component{
		Type: cdx.ComponentTypeContainer, Name: repository, Version: b.version,
		Properties: &[]cdx.Property{{Name: "architecture", Value: b.arch}},
	}}
	bom.Components = &all
	to, err := os.Create(path)
	if err != nil {
		return err
	}
	err = cdx.NewBOMEncoder(to, cdx.BOMFileFormatJSON).SetPretty(true).Encode(bom)
	if closed := to.Close(); err == nil {
		err = closed
	}
	return err
}

func module(path, version string) cdx.Component {
	return cdx.Component{
		Type: cdx.ComponentTypeLibrary, Name: path, Version: version,
		PackageURL: fmt.Sprintf("pkg:golang/%s@%s", path, version),
	}
}
