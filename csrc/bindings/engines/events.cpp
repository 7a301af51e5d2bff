#include "bindings/engines/events.hpp"

#include <pybind11/gil_safe_call_once.h>
#include <pybind11/stl.h>

#include <array>
#include <type_traits>
#include <variant>

#include "base/assert.hpp"
#include "bindings/engines/app_classes.hpp"
#include "bindings/values/convert.hpp"
#include "wire/partition_value.hpp"
#include "wire/primary_key.hpp"

namespace py = pybind11;

namespace realmsync::bindings {

namespace {

// The class of realmsync.events that has the event's name, looked up once.
template <class Event> PyTypeObject* class_of(const char* name, std::size_t members) {
    PYBIND11_CONSTINIT static py::gil_safe_call_once_and_store<py::object> cached;
    cached.call_once_and_store_result([&] {
        py::object cls = py::module_::import("realmsync.events").attr(name);
        REALMSYNC_ASSERT(py::len(cls.attr("_fields")) == members);
        return cls;
    });
    return reinterpret_cast<PyTypeObject*>(cached.get_stored().ptr());
}

template <class T> py::object to_object(const T& member) {
    if constexpr (std::is_base_of_v<py::object, T>)
        return member;
    else
        return py::cast(member);
}

// An instance of a named tuple, filled as the interpreter fills it in tuple.__new__: events are on
// the path of every message, and calling the class would take as long as all the rest of drain().
template <class Event, class... Members>
py::object make(const Event&, const char* name, const Members&... members) {
    PyTypeObject* cls = class_of<Event>(name, sizeof...(Members));
    std::array<py::object, sizeof...(Members)> values{to_object(members)...};
    auto event = py::reinterpret_steal<py::object>(cls->tp_alloc(cls, sizeof...(Members)));
    if (!event)
        throw py::error_already_set();
#if PY_VERSION_HEX >= 0x030E0000
    reinterpret_cast<PyTupleObject*>(event.ptr())->ob_hash = -1; // not known yet
#endif
    for (std::size_t i = 0; i < values.size(); ++i)
        PyTuple_SET_ITEM(event.ptr(), static_cast<Py_ssize_t>(i), values[i].release().ptr());
    return event;
}

const char* name_of(client::FileAction action) {
    switch (action) {
    case client::FileAction::remove: return "remove";
    case client::FileAction::back_up_then_remove: return "back_up_then_remove";
    case client::FileAction::none: break;
    }
    return "none";
}

const char* name_of(server::LogLevel level) {
    switch (level) {
    case server::LogLevel::debug: return "debug";
    case server::LogLevel::info: return "info";
    case server::LogLevel::warning: return "warning";
    case server::LogLevel::error: break;
    }
    return "error";
}

// The canonical text of a partition value, as applications write it.
py::object partition_value(const std::string& text) {
    const auto value = wire::parse_partition_value(text);
    REALMSYNC_ASSERT(value);
    return from_key(wire::as_key(value.value()));
}

// As (class, reason, primary key).
py::list rejected_writes(const std::vector<wire::RejectedUpdate>& rejected) {
    py::list writes;
    for (const auto& [table, reason, key] : rejected) {
        const auto decoded = wire::decode_primary_key(key);
        writes.append(py::make_tuple(table, reason,
                                     decoded ? from_key(decoded.value()) : py::object(py::none())));
    }
    return writes;
}

// One overload per event; the members are in the order of realmsync/events.py.

py::object made(const client::Connect& e) {
    return make(e, "Connect", e.socket, e.session, e.url, e.subprotocols);
}
py::object made(const client::Writable& e) { return make(e, "Writable", e.socket); }
py::object made(const client::Close& e) { return make(e, "Close", e.socket, e.code); }
py::object made(const client::PauseReading& e) { return make(e, "PauseReading", e.socket); }
py::object made(const client::ResumeReading& e) { return make(e, "ResumeReading", e.socket); }
py::object made(const client::LifecycleChanged& e) {
    return make(e, "LifecycleChanged", e.session, static_cast<int>(e.state));
}
py::object made(const client::ConnectionChanged& e) {
    return make(e, "ConnectionChanged", e.session, bindings::name_of(e.current),
                bindings::name_of(e.previous));
}
py::object made(const client::Progressed& e) {
    const auto& [token, transferred, transferable, estimate, expired] = e.call;
    return make(e, "Progressed", e.session, token, transferred, transferable, estimate, expired);
}
py::object made(const client::WaitResolved& e) {
    return make(e, "WaitResolved", e.session, e.wait, e.status, e.message);
}
py::object made(const client::Errored& e) {
    const client::Failure& f = e.failure;
    return make(e, "Errored", e.session, f.status, f.message, f.log_url, f.fatal,
                client::to_string(f.action), e.client_reset, name_of(e.file_action),
                rejected_writes(f.rejected));
}
py::object made(const client::FileActionDue& e) {
    return make(e, "FileActionDue", e.session, name_of(e.action));
}
py::object made(const client::ResetRequired& e) {
    return make(e, "ResetRequired", e.session, e.may_recover, e.status, e.message,
                std::string(client::to_string(e.action)), e.partition_query, e.has_forgotten);
}
py::object made(const client::ResetPending& e) { return make(e, "ResetPending", e.session); }
py::object made(const client::Released& e) { return make(e, "Released", e.session); }
py::object made(const client::ServerLog& e) { return make(e, "ServerLog", e.level, e.message); }
py::object made(const client::RefreshToken& e) { return make(e, "RefreshToken", e.session); }
py::object made(const client::RefreshLocation& e) { return make(e, "RefreshLocation", e.session); }
py::object made(const client::LogOut& e) { return make(e, "LogOut", e.session); }

py::object made(const server::Writable& e) { return make(e, "Writable", e.connection); }
py::object made(const server::Close& e) { return make(e, "Close", e.connection, e.code); }
py::object made(const server::Drop& e) { return make(e, "Drop", e.connection); }
py::object made(const server::PauseReading& e) { return make(e, "PauseReading", e.connection); }
py::object made(const server::ResumeReading& e) { return make(e, "ResumeReading", e.connection); }
py::object made(const server::Authorize& e) {
    return make(e, "Authorize", e.connection, e.session, e.question,
                e.is_flexible ? py::object(py::none()) : partition_value(e.partition),
                e.is_flexible);
}
py::object made(const server::Administered& e) {
    return make(e, "Administered", e.task,
                e.error.empty() ? py::none() : py::object(py::str(e.error)),
                e.schema ? py::object(to_classes(*e.schema)) : py::none(), e.has_client_files);
}
py::object made(const server::FieldsDiscovered& e) {
    return make(e, "FieldsDiscovered", e.app_id, e.cls, e.fields);
}
py::object made(const server::StorageFailed& e) { return make(e, "StorageFailed", e.message); }
py::object made(const server::Log& e) { return make(e, "Log", name_of(e.level), e.text); }

} // namespace

const char* name_of(client::ConnectionState state) {
    switch (state) {
    case client::ConnectionState::connecting: return "connecting";
    case client::ConnectionState::connected: return "connected";
    case client::ConnectionState::disconnected: break;
    }
    return "disconnected";
}

py::tuple call_tuple(const client::Notifiers::Call& call) {
    return py::make_tuple(call.transferred, call.transferable, call.estimate, call.expired);
}

py::object to_python(const client::Event& event) {
    return std::visit([](const auto& e) { return made(e); }, event);
}

py::object to_python(const server::Event& event) {
    return std::visit([](const auto& e) { return made(e); }, event);
}

} // namespace realmsync::bindings
