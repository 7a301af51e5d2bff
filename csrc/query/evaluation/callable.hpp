// A borrowed function: what is called during a call and not kept. Unlike std::function it never
// allocates.
#pragma once

#include <memory>
#include <type_traits>
#include <utility>

namespace realmsync::query {

template <class Signature> class Callable;

template <class Result, class... Arguments> class Callable<Result(Arguments...)> {
  public:
    template <class Function>
        requires(!std::is_same_v<std::decay_t<Function>, Callable>)
    Callable(Function&& function) // NOT explicit: lambdas are passed as they are
        : object_(const_cast<void*>(static_cast<const void*>(std::addressof(function)))),
          call_([](void* object, Arguments... arguments) -> Result {
              return (*static_cast<std::remove_reference_t<Function>*>(object))(
                  std::forward<Arguments>(arguments)...);
          }) {}

    Result operator()(Arguments... arguments) const {
        return call_(object_, std::forward<Arguments>(arguments)...);
    }

  private:
    void* object_;
    Result (*call_)(void*, Arguments...);
};

} // namespace realmsync::query
