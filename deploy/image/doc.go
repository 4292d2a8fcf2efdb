// Image builds the container image without a container engine: an OCI image layout for amd64 and arm64, an archive of it that container
// runtimes import, and a list of what is in it (CycloneDX).
//
//	image [flags] FOLDER
//
// FOLDER has the daemons, kube-ipvs-amd64 and kube-ipvs-arm64, and gets the rest. Beside the daemon, which is static, there are iptables and
// modprobe of Debian, with their libraries and nothing else: no shell, no package manager. The packages stand with their checksums in
// packages.txt; apt fetches them from wherever this machine has its own from. The same daemons and packages make the same image, bit for
// bit. With -lock the newest versions are written into packages.txt.
package main
