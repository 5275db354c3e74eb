// The bindings of the libvirt provider, for resources of one's own beside the VMs of a lab. They are bundled with redis-lab, where no other package can import them by their own name.
export * from "@cdktf/provider-libvirt";
