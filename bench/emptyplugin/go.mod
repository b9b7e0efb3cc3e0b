module github.com/eio-affinity/emptyplugin

go 1.22
