// Which process an object belongs to. A forked child has copies of everything that its parent had,
// but none of the threads, and shares what the copies stand for: descriptors, locks, connections.
// So it neither uses nor destroys them.
#pragma once

namespace realmsync {

// Made with what it tells of.
class Origin {
  public:
    bool is_here() const { return generation_ == current_; } // no fork of ours since

    static void note_fork() { ++current_; } // in the child, before anything else runs

  private:
    static inline unsigned current_ = 0;
    unsigned generation_ = current_;
};

// A deleter that leaves what belongs to another process alone.
template <class T> struct DeleteAtHome {
    Origin origin;
    void operator()(T* object) const {
        if (origin.is_here())
            delete object;
    }
};

} // namespace realmsync
