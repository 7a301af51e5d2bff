// A runtime as Python holds it, the same for client and server: the loop's calls, and the C
// functions of bridge.h for the transport. What one side has beyond that is in client.cpp and
// server.cpp.
#pragma once

#include <pybind11/pybind11.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "base/process.hpp"
#include "bindings/engines/bridge.h"
#include "bindings/engines/events.hpp"
#include "bindings/values/without_gil.hpp"
#include "runtime/client_runtime.hpp"
#include "runtime/server_runtime.hpp"

namespace realmsync::bindings {

// Both engines leave that much free in front of a message.
static_assert(wire::kHeadRoom == REALMSYNC_HEAD_ROOM);

template <class Runtime> class RuntimeHandle {
  public:
    template <class... Arguments>
    explicit RuntimeHandle(Arguments&&... arguments)
        : runtime_(std::forward<Arguments>(arguments)...),
          endpoint_{&runtime_, &receive, &next_message, &release} {}
    ~RuntimeHandle() { close(); }

    Runtime& runtime() { return runtime_; }
    pybind11::capsule endpoint() {
        return pybind11::capsule(&endpoint_, REALMSYNC_ENDPOINT_CAPSULE);
    }
    pybind11::list drain(std::int64_t now) {
        const auto events = [&] {
            WithoutGil unlocked;
            return runtime_.drain(now);
        }();
        pybind11::list result(events.size());
        for (std::size_t i = 0; i < events.size(); ++i)
            PyList_SET_ITEM(result.ptr(), static_cast<Py_ssize_t>(i),
                            to_python(events[i]).release().ptr());
        return result;
    }
    std::optional<pybind11::bytes> next_bytes(std::uint64_t connection, std::int64_t now) {
        const auto message = runtime_.next_message(connection, now);
        if (!message)
            return std::nullopt;
        return pybind11::bytes(message->data() + REALMSYNC_HEAD_ROOM,
                               message->size() - REALMSYNC_HEAD_ROOM);
    }
    void close() {
        WithoutGil unlocked;
        runtime_.close();
    }

  private:
    static void receive(void* self, std::uint64_t connection, const char* data, std::size_t size,
                        std::int64_t now) {
        static_cast<Runtime*>(self)->receive(connection, {data, size}, now);
    }
    static int next_message(void* self, std::uint64_t connection, std::int64_t now,
                            realmsync_message* out) {
        auto message = static_cast<Runtime*>(self)->next_message(connection, now);
        if (!message)
            return 0;
        auto owner = std::make_unique<std::string>(std::move(*message));
        out->data = owner->data() + REALMSYNC_HEAD_ROOM;
        out->size = owner->size() - REALMSYNC_HEAD_ROOM;
        out->owner = owner.release();
        return 1;
    }
    static void release(void*, realmsync_message* message) {
        delete static_cast<std::string*>(message->owner);
        message->owner = nullptr;
    }

    Runtime runtime_;
    realmsync_endpoint endpoint_;
};

using ClientHandle = RuntimeHandle<runtime::ClientRuntime>;
using ServerHandle = RuntimeHandle<runtime::ServerRuntime>;
// A runtime whose threads are another process's is left alone.
template <class Handle> using OwnHandle = std::unique_ptr<Handle, DeleteAtHome<Handle>>;
template <class Handle> using HandleClass = pybind11::class_<Handle, OwnHandle<Handle>>;

// What both sides offer under the same names.
template <class Handle> void bind_loop(HandleClass<Handle>& c) {
    c.def("fileno", [](Handle& self) { return self.runtime().fileno(); })
        .def("endpoint", &Handle::endpoint)
        .def("drain", &Handle::drain, pybind11::arg("now_ms"))
        .def("next_message", &Handle::next_bytes, pybind11::arg("conn"), pybind11::arg("now_ms"))
        .def("close", &Handle::close);
}

} // namespace realmsync::bindings
