// What a caller's unit test does: the real client, and a mock of the service.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "userclient/testing/fake_clock.h"
#include "userclient/testing/mock_user_service.h"

TEST(CallerTest, MeetsAnErrorOfTheService) {
  userclient::testing::MockUserService service;
  EXPECT_CALL(service, GetUser).WillOnce(::testing::Return(absl::NotFoundError("no such user")));

  EXPECT_TRUE(absl::IsNotFound(service.client().GetUser({}).status()));
}

TEST(CallerTest, HasAClockOfItsOwn) {
  userclient::testing::FakeClock clock;
  const auto start = clock.Now();

  clock.Advance(std::chrono::hours(1));

  EXPECT_EQ(clock.function()(), start + std::chrono::hours(1));
}
