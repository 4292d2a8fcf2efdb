// Render writes what is made of the chart: manifests for those who do not use Helm.
//
//	render [-check] [FOLDER]
//
// FOLDER is deploy. With -check nothing is written, and it fails when a manifest is not what the chart makes of its values. Rendering is
// Helm's own, version 4; tests hold version 3 to the same result.
package main
