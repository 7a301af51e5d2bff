// How native code works without the GIL: in place of pybind11's gil_scoped_release, for threads
// that the interpreter leaves behind.
#pragma once

#include <Python.h>
#include <unistd.h>

namespace realmsync::bindings {

// Gives the GIL away as long as it lives. When the interpreter ends meanwhile, as it does without
// asking daemon threads, the thread stays where it is, as all do from Python 3.14 on. Before,
// taking the GIL ends the thread by an unwinding that must be let through: a destructor that may
// not throw would abort the process.
class WithoutGil {
  public:
    WithoutGil() : ends_it_(is_finalizing()), state_(PyEval_SaveThread()) {}
    ~WithoutGil() noexcept(false) {
        while (!ends_it_ && is_finalizing())
            ::pause();
        PyEval_RestoreThread(state_);
    }
    WithoutGil(const WithoutGil&) = delete;
    WithoutGil& operator=(const WithoutGil&) = delete;

  private:
    static bool is_finalizing() {
#if PY_VERSION_HEX >= 0x030d0000
        return Py_IsFinalizing() != 0;
#else
        return _Py_IsFinalizing() != 0;
#endif
    }

    bool ends_it_; // the thread that ends the interpreter, which alone runs by then
    PyThreadState* state_;
};

} // namespace realmsync::bindings
