// The queue of a realm file's writers by itself: places and turns by number, for a model in Python.
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "bindings/testbed/bind.hpp"
#include "realm/writer_queue.hpp"

namespace py = pybind11;

namespace realmsync::bindings::testbed {

namespace {

class WriterQueueByNumber {
  public:
    using Queue = realm::WriterQueue;

    int request(std::uint64_t thread) {
        const int number = ++last_;
        tickets_.emplace(number,
                         queue_.request(thread, [this, number] { told_.push_back(number); }));
        return number;
    }
    int request_blocking(std::uint64_t thread) {
        tickets_.emplace(++last_, queue_.request_blocking(thread));
        return last_;
    }
    bool try_acquire() {
        auto turn = queue_.try_acquire();
        if (!turn)
            return false;
        turn_.emplace(std::move(turn));
        return true;
    }
    bool is_granted(int number) const { return tickets_.at(number).is_granted(); }
    bool take(int number) {
        auto turn = tickets_.at(number).take({});
        if (!turn)
            return false;
        turn_.emplace(std::move(turn));
        return true;
    }
    void put_back(int number) {
        tickets_.at(number).put_back(std::move(*turn_));
        turn_.reset();
    }
    void leave(int number) { tickets_.erase(number); }
    void release() { turn_.reset(); }
    bool is_taken() const { return queue_.is_taken(); }
    bool has_waiters() const { return queue_.has_waiters(); }
    std::vector<int> take_told() { return std::exchange(told_, {}); }

  private:
    Queue queue_;
    std::vector<int> told_;
    int last_ = 0;
    std::map<int, Queue::Ticket> tickets_;
    std::optional<Queue::Turn> turn_;
};

} // namespace

void bind_writer_queue(py::module_& m) {
    using Queue = WriterQueueByNumber;
    py::class_<Queue>(m, "WriterQueue")
        .def(py::init<>())
        .def("request", &Queue::request, py::arg("thread"))
        .def("request_blocking", &Queue::request_blocking, py::arg("thread"))
        .def("try_acquire", &Queue::try_acquire)
        .def("is_granted", &Queue::is_granted)
        .def("take", &Queue::take)
        .def("put_back", &Queue::put_back)
        .def("leave", &Queue::leave)
        .def("release", &Queue::release)
        .def_property_readonly("is_taken", &Queue::is_taken)
        .def_property_readonly("has_waiters", &Queue::has_waiters)
        .def("take_told", &Queue::take_told);
}

} // namespace realmsync::bindings::testbed
